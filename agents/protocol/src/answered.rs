//! Whether the engine answers.
//!
//! QUIC gives a connection up when it has heard nothing for a while, and says so to nobody. Where only the way from the
//! engine is cut, the engine goes on hearing its agent for all of that time, and its own patience begins only then. So
//! agents leave a little sooner, and say why: what they send does arrive.

use std::time::Duration;

use quinn::{Connection, VarInt};
use tokio::time::sleep;

use crate::transport::{IDLE_TIMEOUT, KEEP_ALIVE};

/// Keep-alives without any answer after which an agent leaves.
const PATIENCE: u32 = 6;
/// So long there was no answer at least when an agent leaves.
pub(crate) const LEAVES_AFTER: Duration = KEEP_ALIVE.saturating_mul(PATIENCE);
// The last answer may have come just after a look, and a look may be late.
const _: () = assert!(
    LEAVES_AFTER.as_millis() + KEEP_ALIVE.as_millis() < IDLE_TIMEOUT.as_millis(),
    "QUIC would give the connection up first, without a word"
);
/// What it then closes the connection with.
pub(crate) const UNANSWERED: VarInt = VarInt::from_u32(2);

/// Leaves when the engine does not answer any more. Looks after each keep-alive instead of at a clock: an agent that was
/// itself stopped for a while has not listened.
pub(crate) async fn leave_when_unanswered(connection: Connection) {
    let (mut heard, mut unanswered) = (0, 0);
    while connection.close_reason().is_none() {
        sleep(KEEP_ALIVE).await;
        let now = connection.stats().udp_rx.datagrams;
        unanswered = if now == heard { unanswered + 1 } else { 0 };
        heard = now;
        if unanswered == PATIENCE {
            connection.close(UNANSWERED, b"the engine does not answer");
        }
    }
}
