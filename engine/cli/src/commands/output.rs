//! Outputs of stages as they grow, over restarts of the engine.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use xrdtest_model::RunId;

use crate::client::{Client, ClientError, part};

/// The pause before a connection that broke off is made again.
const PAUSE: Duration = Duration::from_millis(500);

/// One stage on one machine.
#[derive(Clone, Debug)]
pub(super) struct Output {
    pub(super) run: RunId,
    /// Folder of the stage.
    pub(super) stage: String,
    /// The host's name.
    pub(super) machine: String,
    pub(super) attempt: u32,
}

impl Output {
    fn path(&self, offset: u64, follow: bool) -> String {
        let (run, stage, machine) = (part(self.run.as_str()), part(&self.stage), part(&self.machine));
        format!(
            "/runs/{run}/outputs/{stage}/{machine}?offset={offset}&attempt={}&follow={follow}",
            self.attempt
        )
    }

    /// Hands the output to `each` piece by piece; with `follow` until the stage is over on that machine. An output that
    /// does not exist is empty.
    pub(super) async fn read<F>(
        &self,
        client: &Client,
        follow: bool,
        mut each: impl FnMut(Bytes) -> F,
    ) -> Result<(), ClientError>
    where
        F: Future<Output = ()>,
    {
        let mut offset = 0;
        loop {
            match self.read_on(client, follow, &mut offset, &mut each).await {
                Err(error) if follow && error.may_pass() => tokio::time::sleep(PAUSE).await,
                Err(ClientError::Refused { status, .. }) if status.as_u16() == 404 => return Ok(()),
                ended => return ended,
            }
        }
    }

    async fn read_on<F>(
        &self,
        client: &Client,
        follow: bool,
        offset: &mut u64,
        each: &mut impl FnMut(Bytes) -> F,
    ) -> Result<(), ClientError>
    where
        F: Future<Output = ()>,
    {
        let path = self.path(*offset, follow);
        let mut body = client.stream(&path, "text/plain").await?;
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|source| ClientError::Broken { path: path.clone(), source })?;
            if let Ok(piece) = frame.into_data() {
                *offset += piece.len() as u64;
                each(piece).await;
            }
        }
        Ok(())
    }
}
