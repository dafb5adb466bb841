//! Styles, scripts and pictures, embedded. Their addresses hold a digest, so that browsers keep them for ever.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use rust_embed::Embed;

use super::failure::PageFailure;

#[derive(Embed)]
#[folder = "assets/"]
struct Files;

/// Address by name.
static ADDRESSES: LazyLock<BTreeMap<String, String>> = LazyLock::new(|| {
    let address = |name: &str| {
        let digest = Files::get(name).map(|file| file.metadata.sha256_hash()).unwrap_or_default();
        let short = digest[..6].iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        });
        format!("/assets/{short}/{name}")
    };
    let served = Files::iter().filter(|name| !name.ends_with(".md"));
    served.map(|name| (name.to_string(), address(&name))).collect()
});

/// The address of a file of `assets/`; of one that does not exist, one that answers so.
pub(super) fn address(name: &str) -> &str {
    ADDRESSES.get(name).map_or("/assets/unknown", String::as_str)
}

/// A file, by its address of now. Another digest is another version's, which is not here.
pub(super) async fn asset(Path(path): Path<String>) -> Result<Response, PageFailure> {
    let name = path.split_once('/').map_or("", |(_, name)| name);
    let known = ADDRESSES.get(name).is_some_and(|address| address.strip_prefix("/assets/") == Some(&*path));
    let file = if known { Files::get(name) } else { None };
    let file = file.ok_or_else(|| PageFailure::not_found(format!("There is no /assets/{path}.")))?;
    let headers =
        [(header::CONTENT_TYPE, kind(name)), (header::CACHE_CONTROL, "public, max-age=31536000, immutable")];
    Ok((headers, file.data.into_owned()).into_response())
}

fn kind(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    }
}
