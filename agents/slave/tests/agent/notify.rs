//! What the service manager hears.

use std::process::Command;

use rustix::process::Signal;
use tokio::net::UnixDatagram;

use crate::engine::{Agent, Lab, SLAVE, within};

/// The next message with a line that begins like this.
async fn hear(manager: &UnixDatagram, wanted: &str) -> String {
    let mut buffer = [0; 4096];
    loop {
        let length = within(wanted, manager.recv(&mut buffer)).await.unwrap();
        let heard = String::from_utf8_lossy(&buffer[..length]).into_owned();
        if heard.lines().any(|line| line.starts_with(wanted)) {
            return heard;
        }
    }
}

#[tokio::test]
async fn the_service_manager_hears_how_it_goes() {
    let lab = Lab::new();
    let manager = UnixDatagram::bind(lab.path("notify")).unwrap();
    let mut command = Command::new(SLAVE);
    command.arg("--config").arg(lab.path("slave.toml")).env("XRDTEST_BOOT_ID", "boot-1");
    let mut agent = Agent::start(
        command
            .env("NOTIFY_SOCKET", lab.path("notify"))
            .env("WATCHDOG_USEC", "200000")
            .env_remove("WATCHDOG_PID"),
    );
    hear(&manager, "READY=1").await;
    let contact = lab.contact().await;
    assert!(
        hear(&manager, "STATUS=in contact with the engine at ").await.contains(&lab.address().to_string())
    );
    hear(&manager, "WATCHDOG=1").await;
    hear(&manager, "WATCHDOG=1").await;
    contact.link.close("cut by the test");
    hear(&manager, "STATUS=no contact with the engine").await;
    agent.signal(Signal::TERM);
    hear(&manager, "STOPPING=1").await;
    assert!(agent.process.wait().unwrap().success());
}
