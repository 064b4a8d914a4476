//! The OpenAPI 3.1 document, made from the table of addresses.

use hyper::StatusCode;
use serde_json::{Map, Value, json};

use crate::answer::{Answer, json as json_answer};
use crate::routes::ROUTES;

/// Answers `/openapi.json`.
pub fn response() -> Answer {
    json_answer(StatusCode::OK, document().to_string())
}

fn document() -> Value {
    let mut paths = Map::new();
    for route in ROUTES {
        let item = paths.entry(route.path).or_insert_with(|| json!({}));
        let responses = json!({ "200": { "description": "done" } });
        let operation = json!({ "summary": route.summary, "responses": responses });
        item[route.method.to_lowercase()] = operation;
    }
    json!({
        "openapi": "3.1.0",
        "info": { "title": "Ringfence", "version": env!("CARGO_PKG_VERSION") },
        "paths": paths,
    })
}
