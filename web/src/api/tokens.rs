//! Tokens: of agents, which join with them once, and of programs that use this API. The secret is told once, in the
//! answer to whom it was made for.

use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use xrdtest_model::api::{ApiTokenCreated, ApiTokenRequest, TokenCreated, TokenInfo, TokenRequest};
use xrdtest_store::access::ApiToken;
use xrdtest_store::{TokenPrefix, TokenRecord};

use super::Shared;
use super::extract::{Body, Caller, now};
use super::problem::{Answer, Failure};
use crate::access::accounts::check_name;
use crate::access::secret;

/// Characters of a digest that make an id in lists.
const ID: usize = 12;
/// Characters of an id that are needed to revoke a token.
const ENOUGH: usize = 6;
/// How long a token of a program is good where nobody says it, and at most.
const API_TOKEN_VALID: Duration = Duration::from_secs(90 * 24 * 3600);
const API_TOKEN_LONGEST: Duration = Duration::from_secs(366 * 24 * 3600);

pub(crate) async fn list(State(engine): State<Shared>) -> Answer<Json<Vec<TokenInfo>>> {
    Ok(Json(all(&engine).await?.into_iter().map(|token| token.info).collect()))
}

/// A token of either kind.
struct Token {
    digest: String,
    of_api: bool,
    info: TokenInfo,
}

async fn all(engine: &Shared) -> Answer<Vec<Token>> {
    let (store, now) = (engine.store(), now());
    let join = store.tokens(now).await?.into_iter().map(|token| Token {
        digest: token.digest.clone(),
        of_api: false,
        info: info(token),
    });
    let api = store.api_tokens(now).await?.into_iter().map(|token| Token {
        digest: token.digest.clone(),
        of_api: true,
        info: api_info(token),
    });
    Ok(api.chain(join).collect())
}

pub(crate) async fn create(
    State(engine): State<Shared>,
    caller: Caller,
    Body(request): Body<TokenRequest>,
) -> Answer<(StatusCode, Json<TokenCreated>)> {
    Ok((StatusCode::CREATED, Json(engine.new_token(request, caller.name).await?)))
}

pub(crate) async fn create_api(
    State(engine): State<Shared>,
    caller: Caller,
    Body(request): Body<ApiTokenRequest>,
) -> Answer<(StatusCode, Json<ApiTokenCreated>)> {
    let ApiTokenRequest { name, role, valid_s } = request;
    check_name(&name)?;
    let valid = valid_s.map_or(API_TOKEN_VALID, Duration::from_secs);
    if valid.is_zero() || valid > API_TOKEN_LONGEST {
        return Err(Failure::unprocessable("a token of a program is good for 1 s to 366 days"));
    }
    let no_random = || Failure::new(StatusCode::SERVICE_UNAVAILABLE, "the system has no random numbers");
    let token = secret::token().ok_or_else(no_random)?;
    let (digest, created) = (secret::digest(&token), now());
    let expires = created.after(valid);
    let id = digest.chars().take(ID).collect();
    let record = ApiToken { digest, name: name.clone(), role, by: caller.name, created, expires, used: None };
    engine.store().add_api_token(record).await?;
    Ok((StatusCode::CREATED, Json(ApiTokenCreated { id, token, name, role, expires })))
}

/// By an id of the list, or any unique beginning of it that is not too short.
pub(crate) async fn revoke(State(engine): State<Shared>, Path(id): Path<String>) -> Answer<Json<TokenInfo>> {
    let unknown = || {
        Failure::not_found(format!("there is no token `{id}`")).help(
            "`xrdtest token list` lists tokens (GET /api/v1/tokens); one that is expired is gone by itself",
        )
    };
    if id.len() < ENOUGH {
        return Err(unknown());
    }
    let mut found = all(&engine).await?;
    found.retain(|token| token.digest.starts_with(&id));
    match (found.pop(), found.len()) {
        (None, _) => Err(unknown()),
        (Some(Token { digest, of_api, info }), 0) => {
            if of_api {
                engine.store().revoke_api_token(digest).await?;
            } else {
                engine.store().revoke_tokens(TokenPrefix::Digest(digest)).await?;
            }
            Ok(Json(info))
        }
        (Some(_), more) => {
            let error = format!("`{id}` is the beginning of {} tokens' ids", more + 1);
            Err(Failure::new(StatusCode::CONFLICT, error).help("say more of it"))
        }
    }
}

fn api_info(token: ApiToken) -> TokenInfo {
    let ApiToken { digest, name, role, by, created, expires, used } = token;
    let (id, identity) = (digest.chars().take(ID).collect(), format!("api/{name}"));
    TokenInfo { id, identity, role: Some(role), by, created, expires, used }
}

fn info(token: TokenRecord) -> TokenInfo {
    let TokenRecord { digest, identity, by, created, expires, used } = token;
    let identity = identity.strip_prefix("xrdtest:").unwrap_or(&identity);
    let identity = match identity.strip_prefix("slave/external/") {
        Some(host) => format!("slave/{host}"),
        None => identity.to_owned(),
    };
    TokenInfo { id: digest.chars().take(ID).collect(), identity, role: None, by, created, expires, used }
}
