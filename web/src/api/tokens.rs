//! Join tokens. The secret is told once, in the answer to whom it was made for.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use xrdtest_model::api::{TokenCreated, TokenInfo, TokenRequest};
use xrdtest_store::{TokenPrefix, TokenRecord};

use super::Shared;
use super::extract::{Body, Caller, now};
use super::problem::{Answer, Failure};

/// Characters of a digest that make an id in lists.
const ID: usize = 12;
/// Characters of an id that are needed to revoke a token.
const ENOUGH: usize = 6;

pub(crate) async fn list(State(engine): State<Shared>) -> Answer<Json<Vec<TokenInfo>>> {
    let tokens = engine.store().tokens(now()).await?;
    Ok(Json(tokens.into_iter().map(info).collect()))
}

pub(crate) async fn create(
    State(engine): State<Shared>,
    caller: Caller,
    Body(request): Body<TokenRequest>,
) -> Answer<(StatusCode, Json<TokenCreated>)> {
    Ok((StatusCode::CREATED, Json(engine.new_token(request, caller.name).await?)))
}

/// By an id of the list, or any unique beginning of it that is not too short.
pub(crate) async fn revoke(State(engine): State<Shared>, Path(id): Path<String>) -> Answer<Json<TokenInfo>> {
    let store = engine.store();
    let unknown = || {
        Failure::not_found(format!("there is no token `{id}`"))
            .help("GET /api/v1/tokens lists tokens; one that is expired is gone by itself")
    };
    if id.len() < ENOUGH {
        return Err(unknown());
    }
    let mut found = store.tokens(now()).await?;
    found.retain(|token| token.digest.starts_with(&id));
    match (found.pop(), found.len()) {
        (None, _) => Err(unknown()),
        (Some(token), 0) => {
            store.revoke_tokens(TokenPrefix::Digest(token.digest.clone())).await?;
            Ok(Json(info(token)))
        }
        (Some(_), more) => {
            let error = format!("`{id}` is the beginning of {} tokens' ids", more + 1);
            Err(Failure::new(StatusCode::CONFLICT, error).help("say more of it"))
        }
    }
}

fn info(token: TokenRecord) -> TokenInfo {
    let TokenRecord { digest, identity, by, created, expires, used } = token;
    let identity = identity.strip_prefix("xrdtest:").unwrap_or(&identity);
    let identity = match identity.strip_prefix("slave/external/") {
        Some(host) => format!("slave/{host}"),
        None => identity.to_owned(),
    };
    TokenInfo { id: digest.chars().take(ID).collect(), identity, by, created, expires, used }
}
