//! The description of the interface, OpenAPI 3.1: generated from the handlers, with what is the
//! same everywhere (problems, keys) and what this server knows of itself (model, limits) added;
//! and the same as a page to read.

use std::fmt::Write;

use serde_json::{Value, json};

use crate::app::App;
use crate::problem::Code;

/// Statuses that every address may answer with, and in which methods.
const PROBLEMS: [(u16, &str); 18] = [
    (400, "the request is malformed"),
    (401, "no known API key"),
    (403, "the key does not allow it, or the page is foreign"),
    (404, "there is no such thing"),
    (406, "nothing that the client accepts"),
    (405, "the address does not know the method"),
    (408, "the request came too slowly"),
    (409, "the state forbids it"),
    (410, "it is no longer kept"),
    (413, "too many bytes"),
    (415, "the wrong kind of body"),
    (416, "the range lies outside the file"),
    (421, "the server does not go by this name"),
    (422, "fields are wrong"),
    (429, "too many requests, or the queue is full"),
    (500, "a fault of the server"),
    (503, "the server is stopping, or lacks something"),
    (504, "it took too long"),
];

/// The description for this server.
pub(super) fn openapi(app: &App) -> Value {
    let described = super::router::described();
    let mut document = serde_json::to_value(described).expect("the description is JSON");
    document["openapi"] = json!("3.1.0");
    document["info"] = json!({
        "title": "mustool",
        "version": env!("CARGO_PKG_VERSION"),
        "description": "Text to music: plan, edit, render. Jobs are durable, seeds are exact.",
        "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
    });
    document["security"] = json!([{}, { "key": [] }]);
    document["components"]["securitySchemes"] =
        json!({ "key": { "type": "http", "scheme": "bearer" } });
    tidy_operations(&mut document);
    add_problems(&mut document);
    let card = app.engines.card();
    let schemas = &mut document["components"]["schemas"];
    let max_duration_s = app.limits.max_duration_s.min(card.max_duration_s);
    for name in ["GenerationRequest", "PlanRequest", "Change", "Plan"] {
        let duration = &mut schemas[name]["properties"]["duration_s"];
        if duration.is_object() {
            duration["maximum"] = json!(max_duration_s);
        }
    }
    let request = &mut schemas["GenerationRequest"]["properties"];
    request["model"] = json!({
        "type": ["string", "null"], "enum": [card.id, null],
        "description": "Model; the only one, if left out.",
    });
    request["metadata"]["maxProperties"] = json!(16);
    if app.webhooks.is_none()
        && let Some(fields) = request.as_object_mut()
    {
        fields.remove("webhook");
    }
    schemas["Upload"]["additionalProperties"] = json!(false);
    document
}

/// Names every operation after its tag and its handler, because handlers of several tags have one
/// name; and lets no parameter be null: one that is left out is not sent.
fn tidy_operations(document: &mut Value) {
    let paths = document["paths"].as_object_mut().into_iter().flatten();
    let operations = paths.filter_map(|(_, path)| path.as_object_mut()).flatten();
    for (_, operation) in operations {
        let name = format!(
            "{}_{}",
            operation["tags"][0].as_str().unwrap_or_default(),
            operation["operationId"].as_str().unwrap_or_default()
        );
        operation["operationId"] = json!(name);
        let parameters = operation
            .get_mut("parameters")
            .and_then(Value::as_array_mut);
        for parameter in parameters.into_iter().flatten() {
            if let Some(kind) = parameter.pointer_mut("/schema/type")
                && let Some([one, Value::String(null)]) = kind.as_array().map(Vec::as_slice)
                && null == "null"
            {
                *kind = one.clone();
            }
        }
    }
}

/// The kinds of problems that an address may answer with.
fn add_problems(document: &mut Value) {
    let codes: Vec<&str> = Code::ALL.iter().map(|code| code.name()).collect();
    document["components"]["schemas"]["Fault"] = json!({
        "type": "object", "required": ["pointer", "detail"],
        "properties": { "pointer": { "type": "string" }, "detail": { "type": "string" } },
    });
    document["components"]["schemas"]["Problem"] = json!({
        "type": "object", "required": ["type", "title", "status", "detail", "code"],
        "description": "RFC 9457.",
        "properties": {
            "type": { "type": "string" }, "title": { "type": "string" },
            "status": { "type": "integer", "minimum": 400, "maximum": 599 },
            "detail": { "type": "string" }, "instance": { "type": "string" },
            "code": { "type": "string", "enum": codes }, "request_id": { "type": "string" },
            "errors": { "type": "array", "items": { "$ref": "#/components/schemas/Fault" } },
            "retry_after_s": { "type": "integer", "minimum": 1 },
        },
    });
    let Some(paths) = document["paths"].as_object_mut() else {
        return;
    };
    let operations = paths
        .values_mut()
        .filter_map(Value::as_object_mut)
        .flatten();
    for (_, operation) in operations {
        let Some(responses) = operation["responses"].as_object_mut() else {
            continue;
        };
        for (status, description) in PROBLEMS {
            responses.entry(status.to_string()).or_insert_with(|| {
                let schema = json!({ "$ref": "#/components/schemas/Problem" });
                json!({
                    "description": description,
                    "content": { "application/problem+json": { "schema": schema } },
                })
            });
        }
    }
}

/// Looks of [`page`].
pub(super) const STYLE: &str = ":root{color-scheme:light dark;font:16px/1.5 system-ui,sans-serif}\
    body{max-width:60rem;margin:0 auto;padding:1rem}h2{margin-top:2.5rem}\
    section{border-top:1px solid #8886;padding:.75rem 0}code{font:.9em ui-monospace,monospace}\
    .method{display:inline-block;min-width:4.5rem;font-weight:700}\
    table{border-collapse:collapse;width:100%}td,th{text-align:left;vertical-align:top;\
    padding:.2rem .8rem .2rem 0}";

/// The description as a page without scripts.
pub(super) fn page(document: &Value) -> String {
    let mut html = String::from(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>mustool: the interface</title><link rel=\"stylesheet\" href=\"/docs/style.css\">\
         </head><body><main><h1>mustool: the interface</h1>\
         <p><a href=\"/openapi.json\">OpenAPI 3.1</a></p>",
    );
    let no_paths = serde_json::Map::new();
    for (path, operations) in document["paths"].as_object().unwrap_or(&no_paths) {
        for (method, operation) in operations.as_object().unwrap_or(&no_paths) {
            let method = method.to_uppercase();
            let _ = write!(
                html,
                "<section><h2><span class=\"method\">{method}</span> <code>{path}</code></h2><p>{}</p><p>{}</p>",
                text(&operation["summary"]),
                text(&operation["description"])
            );
            write_parameters(&mut html, operation);
            write_body(&mut html, document, operation);
            html.push_str("</section>");
        }
    }
    html.push_str("</main></body></html>");
    html
}

fn write_parameters(html: &mut String, operation: &Value) {
    let Some(parameters) = operation["parameters"].as_array() else {
        return;
    };
    html.push_str("<table><tbody>");
    for parameter in parameters {
        let _ = write!(
            html,
            "<tr><th><code>{}</code></th><td>{}</td><td>{}</td></tr>",
            text(&parameter["name"]),
            text(&parameter["in"]),
            text(&parameter["description"])
        );
    }
    html.push_str("</tbody></table>");
}

fn write_body(html: &mut String, document: &Value, operation: &Value) {
    let content = &operation["requestBody"]["content"];
    let schema = &content["application/json"]["schema"]["$ref"];
    let Some(name) = schema.as_str().and_then(|path| path.rsplit('/').next()) else {
        return;
    };
    let _ = write!(html, "<table><caption><code>{name}</code></caption><tbody>");
    let no_fields = serde_json::Map::new();
    let fields = &document["components"]["schemas"][name]["properties"];
    for (field, schema) in fields.as_object().unwrap_or(&no_fields) {
        let _ = write!(
            html,
            "<tr><th><code>{field}</code></th><td>{}</td></tr>",
            text(&schema["description"])
        );
    }
    html.push_str("</tbody></table>");
}

fn text(value: &Value) -> String {
    let text = value.as_str().unwrap_or_default();
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
