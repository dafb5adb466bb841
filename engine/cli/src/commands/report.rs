//! `xrdtest report`

use std::io::Write as _;
use std::path::Path;

use anyhow::Context;
use http_body_util::BodyExt;

use super::ask::block_on;
use crate::args::ReportArgs;
use crate::client::{Client, part, resolve};
use crate::exit::{Exit, print};

pub(crate) fn report(args: &ReportArgs) -> anyhow::Result<Exit> {
    let client = Client::new(&args.socket);
    let report = block_on(async {
        let run = resolve(&client, &args.run).await?;
        let path = format!("/runs/{}/report?format={}", part(run.as_str()), args.format);
        let body = client.stream(&path, args.format.content_type()).await?.collect().await;
        let bytes = body.context("the engine's answer broke off")?.to_bytes();
        String::from_utf8(bytes.into()).context("the engine's answer is no text")
    })?;
    match &args.output {
        Some(file) => write(file, &report)
            .with_context(|| format!("the report can't be written to {}", file.display()))?,
        None => print(&report)?,
    }
    Ok(Exit::Good)
}

/// A file that others take up is there as a whole, or as it was.
fn write(file: &Path, text: &str) -> std::io::Result<()> {
    // A pipe or a terminal can't be replaced.
    if file.exists() && !file.is_file() {
        return std::fs::write(file, text);
    }
    let mut name = file.as_os_str().to_owned();
    name.push(format!(".{}.part", std::process::id()));
    let part = Path::new(&name);
    let written = std::fs::File::create(part)
        .and_then(|mut open| open.write_all(text.as_bytes()))
        .and_then(|()| std::fs::rename(part, file));
    if written.is_err() {
        let _ = std::fs::remove_file(part);
    }
    written
}
