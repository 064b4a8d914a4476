//! The OpenAPI 3.1 document, made from the table of addresses and from the text format's names.

mod schemas;

use std::sync::OnceLock;

use hyper::StatusCode;
use serde_json::{Map, Value, json};

use crate::answer::{Answer, json as json_answer};
use crate::routes::{Kind, ROUTES, Route};

/// Answers `/openapi.json`.
pub fn response() -> Answer {
    static TEXT: OnceLock<String> = OnceLock::new();
    json_answer(StatusCode::OK, TEXT.get_or_init(|| document().to_string()).as_str())
}

fn document() -> Value {
    let mut paths = Map::new();
    for route in ROUTES {
        let item = paths.entry(route.path).or_insert_with(|| json!({}));
        item[route.method.to_lowercase()] = operation(route);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Ringfence",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "A payment engine by HTTP. Numbers wider than 53 bits are strings.",
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
            "contact": { "name": "Ringfence", "url": env!("CARGO_PKG_REPOSITORY") },
        },
        "servers": [{ "url": "/", "description": "Where this document comes from" }],
        "tags": TAGS.map(|(name, description)| json!({ "name": name, "description": description })),
        "security": [{ "token": [] }, {}],
        "paths": paths,
        "components": {
            "schemas": schemas::all(),
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A token of the engine's access file.",
                },
            },
        },
    })
}

const TAGS: [(&str, &str); 4] = [
    ("commands", "What changes something, with the outcome once it is durable"),
    ("look-ups", "What is there now"),
    ("events", "What has happened, and what happens"),
    ("operation", "How the bridge and the engine are"),
];

fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

fn content(media_type: &str, schema: Value) -> Value {
    json!({ media_type: { "schema": schema } })
}

fn operation(route: &Route) -> Value {
    let (tag, id) = match route.kind {
        Kind::Commands => ("commands", "execute".to_owned()),
        Kind::Create(op) => ("commands", op.name().to_owned()),
        Kind::Request => ("commands", "request".to_owned()),
        Kind::LookUp(op) => ("look-ups", op.name().to_owned()),
        Kind::Events => ("events", "events".to_owned()),
        Kind::Outcomes => ("events", "outcomes".to_owned()),
        kind => ("operation", format!("{kind:?}").to_lowercase()),
    };
    let mut operation = json!({
        "operationId": id,
        "summary": route.summary,
        "description": format!("{}.", route.summary),
        "tags": [tag],
        "parameters": parameters(route.kind),
        "responses": responses(route.kind),
    });
    match route.kind {
        Kind::Commands => operation["requestBody"] = request("Command"),
        Kind::Create(op) => {
            operation["requestBody"] = request(&format!("{}Body", schemas::type_name(op)));
        }
        _ => {}
    }
    if matches!(tag, "operation") && route.kind != Kind::Stats {
        operation["security"] = json!([]);
    }
    operation
}

fn one_or_many(schema: &str) -> Value {
    let one = reference(schema);
    json!({ "oneOf": [one, { "type": "array", "items": reference(schema), "minItems": 1 }] })
}

fn request(schema: &str) -> Value {
    json!({ "required": true, "content": content("application/json", one_or_many(schema)) })
}

fn parameter(place: &str, name: &str, schema: Value, description: &str) -> Value {
    json!({
        "in": place, "name": name, "required": place == "path",
        "schema": schema, "description": description,
    })
}

fn parameters(kind: Kind) -> Value {
    let text = || json!({ "type": "string" });
    let flag = || json!({ "type": "boolean" });
    let query =
        |name: &str, schema, description: &str| parameter("query", name, schema, description);
    let filter = || {
        vec![
            query("from", text(), "The first sequence; `oldest`, or `now`"),
            query("after", text(), "After this position: an event's id, or a page's `next`"),
            query("ledger", text(), "Only these ledgers, joined by commas"),
            query("account", text(), "Only these accounts, joined by commas"),
            query("op", text(), "Only these operations, joined by commas"),
            query("only_successes", flag(), "Whether refused commands are left out"),
            query("outcomes", flag(), "Whether outcomes are told; by default they are"),
            query("events", flag(), "Whether events are told; by default they are"),
            query("commands", flag(), "Whether outcomes have their commands with them"),
        ]
    };
    let parameters = match kind {
        Kind::Commands | Kind::Create(_) => vec![
            parameter("header", "Idempotency-Key", text(), "The same key is executed once"),
            parameter("header", "Prefer", text(), "`respond-async`: do not wait for the outcome"),
        ],
        Kind::LookUp(_) => vec![parameter("path", "id", text(), "In decimal digits")],
        Kind::Request => vec![parameter("path", "key", text(), "The Idempotency-Key")],
        Kind::Events => {
            let last = parameter("header", "Last-Event-ID", text(), "The last id that was seen");
            filter().into_iter().chain([last]).collect()
        }
        Kind::Outcomes => {
            let limit = json!({ "type": "integer", "minimum": 1, "maximum": 1000 });
            filter().into_iter().chain([query("limit", limit, "Most items of a page")]).collect()
        }
        _ => Vec::new(),
    };
    Value::Array(parameters)
}

fn responses(kind: Kind) -> Value {
    let mut responses = Map::new();
    let mut put = |status: &str, description: &str, content: Value| {
        let response = json!({ "description": description, "content": content });
        responses.insert(status.to_owned(), response);
    };
    let json_of = |schema: Value| content("application/json", schema);
    let outcome = || json_of(reference("Outcome"));
    let text = || content("text/plain", json!({ "type": "string" }));
    let mut problems: &[&str] = &["400", "401", "403", "429", "503"];
    match kind {
        Kind::Commands | Kind::Create(_) => {
            put("200", "Done, or done before; of a batch always", json_of(one_or_many("Outcome")));
            put("201", "Created", outcome());
            put("202", "Under way", json_of(under_way()));
            put("422", "Refused: nothing was changed", outcome());
            problems = &["400", "401", "403", "408", "409", "413", "415", "429", "500", "503"];
        }
        Kind::LookUp(_) => {
            put("200", "Found", outcome());
            put("404", "There is none", outcome());
            put("422", "Refused", outcome());
        }
        Kind::Request => {
            put("200", "The outcome", json_of(one_or_many("Outcome")));
            put("202", "Under way", json_of(under_way()));
            problems = &["400", "401", "403", "404", "500", "503"];
        }
        Kind::Events => {
            put("200", "What happens", content("text/event-stream", json!({ "type": "string" })));
            problems = &["400", "401", "403", "410", "429", "501", "503"];
        }
        Kind::Outcomes => {
            put("200", "A page", json_of(page()));
            problems = &["400", "401", "403", "410", "429", "501", "503"];
        }
        Kind::Stats | Kind::OpenApi => put("200", "Done", json_of(json!({ "type": "object" }))),
        Kind::Live | Kind::Metrics => put("200", "Done", text()),
        Kind::Ready => {
            put("200", "It can serve", text());
            put("503", "It cannot: why", text());
        }
    }
    if matches!(kind, Kind::Live | Kind::Metrics | Kind::Ready | Kind::OpenApi) {
        problems = &["403"];
    }
    // Any request may name another host, or have too long a head.
    for status in problems.iter().chain(&["421", "431"]) {
        let reason = status.parse().ok().and_then(|code| StatusCode::from_u16(code).ok());
        let reason = reason.and_then(|code| code.canonical_reason()).unwrap_or_default();
        put(status, reason, content("application/problem+json", reference("Problem")));
    }
    Value::Object(responses)
}

fn under_way() -> Value {
    let status = json!({ "type": "string", "const": "under_way" });
    json!({ "type": "object", "required": ["status"], "properties": { "status": status } })
}

fn page() -> Value {
    let item = json!({ "anyOf": [reference("Outcome"), reference("Event")] });
    json!({
        "type": "object",
        "required": ["items", "next", "last_sequence"],
        "properties": {
            "items": { "type": "array", "items": item },
            "next": { "type": "string", "description": "`after` of the next page" },
            "last_sequence": reference("Wide"),
        },
    })
}
