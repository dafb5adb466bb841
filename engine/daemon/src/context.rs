//! What the connections of agents share.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use tokio::sync::mpsc;
use xrdtest_protocol::Identity;
use xrdtest_protocol::authority::Authority;
use xrdtest_protocol::server::Link;
use xrdtest_protocol::stream::IncomingStream;

use crate::clock::Clock;
use crate::command::Command;
use crate::definitions::Definitions;
use crate::renewals;
use crate::revocations::Revocations;
use crate::runs::Runs;
use crate::tokens::Tokens;
use crate::trust::Trust;
use crate::uploads::{UploadError, Uploads};

/// What connections need of the engine.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) commands: mpsc::Sender<Command>,
    pub(crate) authority: Arc<Authority>,
    pub(crate) tokens: Tokens,
    pub(crate) clock: Clock,
    pub(crate) runs: Arc<Runs>,
    pub(crate) uploads: Uploads,
    pub(crate) serials: AtomicU64,
    pub(crate) definitions: Arc<Definitions>,
    /// Bytes of a machine's console that are kept.
    pub(crate) console: u64,
    /// What machines of runs get to prove themselves with.
    pub(crate) trust: Trust,
    /// Whose certificates are void.
    pub(crate) revocations: Revocations,
}

impl Context {
    /// Answers an agent about its certificate.
    pub(crate) async fn renew(
        &self,
        (identity, issued): &(Identity, u64),
        request: &str,
        ends: u64,
        stream: IncomingStream,
    ) -> Result<(), UploadError> {
        let of = (identity, *issued);
        let reply = renewals::answer(&self.authority, &self.revocations, of, request, ends);
        Ok(stream.renewed(&reply).await?)
    }

    /// Whoever ends connections of revoked agents may not have found this one yet.
    pub(crate) fn end_if_revoked(&self, link: &Link, identity: &Identity, issued: u64) {
        if let Some(why) = self.revocations.refusal(identity, issued) {
            link.close(&why);
        }
    }
}
