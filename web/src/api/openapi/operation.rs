//! One route with one method, as the document tells it.

use schemars::{JsonSchema, Schema};
use serde_json::{Map, Value, json};

use super::Schemas;

/// What is sent: makes the schema of a type.
type Make = fn(&mut Schemas) -> Schema;

/// One route with one method.
pub(super) struct Operation {
    pub(super) method: &'static str,
    /// Below `/api/v1`, as the router spells it.
    pub(super) path: &'static str,
    summary: &'static str,
    query: Option<Make>,
    takes: Option<Make>,
    /// Without the body everything in it has its default.
    may_be_empty: bool,
    good: Vec<(u16, &'static str, &'static str, Option<Make>)>,
    bad: Vec<u16>,
}

const JSON: &str = "application/json";

impl Operation {
    pub(super) fn new(method: &'static str, path: &'static str, summary: &'static str) -> Self {
        let mut bad = vec![401, 403, 500, 503];
        if path.contains('{') {
            bad.push(404);
        }
        Self { method, path, summary, query: None, takes: None, may_be_empty: false, good: Vec::new(), bad }
    }

    /// Its query's parameters.
    pub(super) fn query<T: JsonSchema>(mut self) -> Self {
        self.query = Some(|schemas| schemas.requests.root_schema_for::<T>());
        self.bad.extend([400, 422]);
        self
    }

    /// The JSON that has to be sent.
    pub(super) fn takes<T: JsonSchema>(mut self) -> Self {
        self.takes = Some(|schemas| schemas.requests.subschema_for::<T>());
        self.bad.extend([400, 413, 415, 422]);
        self
    }

    /// The JSON that may be sent.
    pub(super) fn may_take<T: JsonSchema>(mut self) -> Self {
        self.may_be_empty = true;
        self.takes::<T>()
    }

    /// A good answer in JSON.
    pub(super) fn answers<T: JsonSchema>(mut self, code: u16) -> Self {
        let words = match code {
            201 => "It is made.",
            202 => "It will be so a little later.",
            _ => "As asked for.",
        };
        self.good.push((code, words, JSON, Some(|schemas| schemas.answers.subschema_for::<T>())));
        if self.method == "get" {
            self.good.push((304, "The same as the ETag in `If-None-Match`.", "", None));
        }
        self
    }

    /// A good answer that is text or a file.
    pub(super) fn sends(mut self, media: &'static str) -> Self {
        self.good.push((200, "As asked for.", media, None));
        self
    }

    /// Further codes of answers that are not good.
    pub(super) fn or(mut self, codes: &[u16]) -> Self {
        self.bad.extend(codes);
        self
    }

    /// As the document tells it.
    pub(super) fn told(&self, schemas: &mut Schemas) -> Value {
        let mut told = json!({
            "operationId": self.id(),
            "summary": self.summary,
            "tags": [self.path.trim_start_matches('/').split('/').next()],
            "responses": self.responses(schemas),
        });
        let mut parameters = self.of_path();
        parameters.extend(self.query.map(|make| of_query(&make(schemas))).unwrap_or_default());
        if !parameters.is_empty() {
            told["parameters"] = parameters.into();
        }
        if let Some(make) = self.takes {
            let schema = make(schemas);
            told["requestBody"] = json!({
                "required": !self.may_be_empty,
                "content": {JSON: {"schema": schema}},
            });
        }
        told
    }

    /// `get_runs_run_plan`.
    fn id(&self) -> String {
        let words = self.path.split(['/', '{', '}', '*', '-']).filter(|word| !word.is_empty());
        std::iter::once(self.method).chain(words).collect::<Vec<_>>().join("_")
    }

    fn of_path(&self) -> Vec<Value> {
        let parts = self.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
        let parameter = |part: &str| {
            let mut told = json!({
                "name": part.trim_start_matches('*'),
                "in": "path",
                "required": true,
                "schema": {"type": "string"},
            });
            if part.starts_with('*') {
                told["description"] = "It may hold slashes.".into();
            }
            told
        };
        parts.map(parameter).collect()
    }

    fn responses(&self, schemas: &mut Schemas) -> Map<String, Value> {
        let mut all = Map::new();
        for (code, words, media, make) in &self.good {
            let mut told = json!({"description": words});
            match make {
                Some(make) => {
                    let schema = make(schemas);
                    told["content"][*media] = json!({"schema": schema});
                }
                None if !media.is_empty() => {
                    told["content"][*media] = json!({"schema": {"type": "string"}});
                }
                None => {}
            }
            // Several kinds of one answer.
            match all.get_mut(&code.to_string()) {
                Some(known) => known["content"][*media] = told["content"][*media].take(),
                None => drop(all.insert(code.to_string(), told)),
            }
        }
        let mut bad = self.bad.clone();
        bad.sort_unstable();
        bad.dedup();
        for code in bad {
            all.insert(code.to_string(), json!({"$ref": "#/components/responses/Problem"}));
        }
        all
    }
}

/// The parameters that a query of this type has.
fn of_query(schema: &Schema) -> Vec<Value> {
    let properties = schema.get("properties").and_then(Value::as_object);
    let required = schema.get("required").and_then(Value::as_array);
    let parameters = properties.into_iter().flatten().map(|(name, schema)| {
        let mut schema = schema.clone();
        let description = schema.as_object_mut().and_then(|schema| schema.remove("description"));
        let mut told = json!({
            "name": name,
            "in": "query",
            "required": required.is_some_and(|all| all.contains(&json!(name))),
            "schema": schema,
        });
        if let Some(description) = description {
            told["description"] = description;
        }
        told
    });
    parameters.collect()
}
