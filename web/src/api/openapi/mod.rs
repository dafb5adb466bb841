//! `/api/v1/openapi.json`: the API, for programs that make clients of it. Schemas come from the types that are sent;
//! [`table`] says which route takes and answers which. A test compares it with the routes.

mod operation;
mod table;

use std::sync::LazyLock;

use axum::Json;
use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::problem::ProblemDocument;

static DOCUMENT: LazyLock<Value> = LazyLock::new(document);

pub(crate) async fn openapi() -> Json<&'static Value> {
    Json(&*DOCUMENT)
}

/// The types of what is sent, told once each below `#/components/schemas`.
struct Schemas {
    /// Of what clients send: what has a default may be missing.
    requests: SchemaGenerator,
    /// Of what the engine answers.
    answers: SchemaGenerator,
}

impl Schemas {
    fn new() -> Self {
        let settings = || {
            SchemaSettings::draft2020_12().with(|settings| {
                settings.definitions_path = "/components/schemas".into();
                settings.meta_schema = None;
            })
        };
        let requests = settings().for_deserialize().into_generator();
        Self { requests, answers: settings().for_serialize().into_generator() }
    }

    fn told(mut self) -> Map<String, Value> {
        let mut all = self.requests.take_definitions(true);
        all.extend(self.answers.take_definitions(true));
        all
    }
}

fn document() -> Value {
    let mut schemas = Schemas::new();
    let problem = schemas.answers.subschema_for::<ProblemDocument>();
    let mut paths: Map<String, Value> = Map::new();
    for operation in table::operations() {
        let path = format!("/api/v1{}", operation.path.replace("{*", "{"));
        let told = operation.told(&mut schemas);
        let methods = paths.entry(path).or_insert_with(|| json!({}));
        if let Some(methods) = methods.as_object_mut() {
            methods.insert(operation.method.to_owned(), told);
        }
    }
    let schemas = schemas.told();
    let bearer = json!({"type": "http", "scheme": "bearer",
        "description": "A token of the API, as the engine's administrator makes them."});
    let cookie = json!({"type": "apiKey", "in": "cookie", "name": "__Host-xrdtest",
        "description": "The session of a browser that is logged in."});
    let mut document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "xrdtest",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "What an engine tells and does. On its Unix socket nobody has to say who they are. Within \
                a version fields are only ever added. Every answer that is not good is a problem (RFC 9457).",
        },
        "servers": [{"url": "/"}],
        "security": [{}, {"bearer": []}, {"cookie": []}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {"bearer": bearer, "cookie": cookie},
            "responses": {"Problem": {
                "description": "What is wrong, and what to do.",
                "content": {"application/problem+json": {"schema": problem}},
            }},
        },
    });
    say_bounds(&mut document);
    document
}

/// Programs need not know what the formats of integers mean.
fn say_bounds(value: &mut Value) {
    match value {
        Value::Array(all) => all.iter_mut().for_each(say_bounds),
        Value::Object(all) => {
            let most = match all.get("format").and_then(Value::as_str) {
                Some("uint32") => Some(u64::from(u32::MAX)),
                Some("uint64") => Some(u64::MAX),
                _ => None,
            };
            if let Some(most) = most {
                all.entry("maximum").or_insert(most.into());
            }
            all.values_mut().for_each(say_bounds);
        }
        _ => {}
    }
}
