//! The `OpenAPI` document around the operations that the handlers describe themselves, and a page that shows it without a
//! line of script.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use sha2::{Digest, Sha256};
use utoipa::openapi::path::{Operation, Parameter, ParameterBuilder, ParameterIn, PathItem};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{ContentBuilder, Object, OpenApi, Ref, RefOr, Required, ResponseBuilder, Type};
use utoipa::{Modify, OpenApi as _};

use crate::web::server::problem;

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "salesbridge",
        description = "Tag what was really sold in a Page's conversations; it is reported to Meta's Conversions API, once and on time. `x-roles` names the roles of the keys that an operation takes, beside `admin`, which may do everything.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    servers((url = "/", description = "This service")),
    components(schemas(problem::Problem)),
    security(("key" = [])),
    tags(
        (name = "operator", description = "Conversations, tags and orders"),
        (name = "running", description = "What Meta was told, and how Pages are set"),
        (name = "meta", description = "What Meta calls"),
        (name = "health", description = "For whoever runs it; no key"),
    ),
    modifiers(&Keys),
)]
struct Document;

struct Keys;

impl Modify for Keys {
    fn modify(&self, document: &mut OpenApi) {
        let components = document.components.get_or_insert_default();
        let key = SecurityScheme::Http(Http::builder().scheme(HttpAuthScheme::Bearer).build());
        components.add_security_scheme("key", key);
    }
}

/// The document without its operations.
pub fn base() -> OpenApi {
    Document::openapi()
}

/// The document with what holds for every operation: the Idempotency-Key of a POST with a key, and how it fails. As JSON.
pub fn finish(mut document: OpenApi) -> String {
    for item in document.paths.paths.values_mut() {
        for (posts, operation) in operations(item) {
            if posts && operation.security.is_none() {
                operation.parameters.get_or_insert_default().push(RefOr::T(idempotency_key()));
            }
            let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
            let failed = ResponseBuilder::new()
                .description("It failed: `code` says why, for scripts, and `detail` for people")
                .content("application/problem+json", content)
                .build();
            operation.responses.responses.insert("default".to_owned(), RefOr::T(failed));
        }
    }
    let mut text = document.to_pretty_json().unwrap_or_else(|error| error.to_string());
    text.push('\n');
    text
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = (bool, &mut Operation)> {
    let PathItem { get, post, patch, delete, .. } = item;
    [(false, get), (true, post), (false, patch), (false, delete)]
        .into_iter()
        .filter_map(|(posts, operation)| operation.as_mut().map(|operation| (posts, operation)))
}

fn idempotency_key() -> Parameter {
    ParameterBuilder::new()
        .name("Idempotency-Key")
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(
            "1 to 255 visible ASCII characters. The same request with the same key within 24 hours gets the first \
             answer again, with `idempotent-replayed: true`; with another body 422.",
        ))
        .schema(Some(Object::with_type(Type::String)))
        .build()
}

/// The content security policy of the page that [`page`] makes: its own style, and nothing else.
pub fn page_security_policy() -> String {
    let style = STANDARD.encode(Sha256::digest(STYLE));
    format!(
        "default-src 'none'; style-src 'sha256-{style}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
}

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;\
color-scheme:light dark}code,pre{font-family:ui-monospace,monospace;font-size:.9em}pre{overflow:auto}\
details{border-top:1px solid #8886;padding:.5rem 0}summary{cursor:pointer}b{display:inline-block;min-width:4rem}\
td,th{text-align:left;padding:.1rem 1rem .1rem 0;vertical-align:top}";

/// A page for people that shows the document.
pub fn page(document: &str) -> String {
    let document: Value = serde_json::from_str(document).unwrap_or_default();
    let text = |value: &Value| escaped(value.as_str().unwrap_or_default());
    let mut page = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>salesbridge API</title>\
         <meta name=\"viewport\" content=\"width=device-width\"><style>{STYLE}</style><h1>salesbridge API</h1>\
         <p>{}</p><p>The whole document: <a href=\"/openapi.json\">openapi.json</a></p>",
        text(&document["info"]["description"])
    );
    for (path, item) in document["paths"].as_object().into_iter().flatten() {
        for (method, operation) in item.as_object().into_iter().flatten() {
            let _infallible = write!(
                page,
                "<details><summary><b>{}</b> <code>{}</code> {}</summary>",
                escaped(&method.to_uppercase()),
                escaped(path),
                text(&operation["summary"])
            );
            page.push_str(&described(operation));
            if let Some(schema) =
                operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].as_str()
            {
                let name = schema.rsplit('/').next().unwrap_or_default();
                let schema = &document["components"]["schemas"][name];
                let fields = schema["properties"].as_object().into_iter().flatten();
                page.push_str(&table(fields.map(|(name, field)| (name.as_str(), &field["description"]))));
                let _infallible = write!(page, "<pre>{}</pre>", escaped(&schema["example"].to_string()));
            }
            page.push_str("</details>");
        }
    }
    page
}

/// Roles and parameters of an operation.
fn described(operation: &Value) -> String {
    let roles: Vec<&str> =
        operation["x-roles"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let mut text = match operation.get("x-roles") {
        Some(_) => format!("<p>Keys: {}</p>", escaped(&[vec!["admin"], roles].concat().join(", "))),
        None => "<p>No key.</p>".to_owned(),
    };
    let parameters = operation["parameters"].as_array().into_iter().flatten();
    text.push_str(&table(
        parameters.map(|one| (one["name"].as_str().unwrap_or_default(), &one["description"])),
    ));
    text
}

fn table<'a>(rows: impl Iterator<Item = (&'a str, &'a Value)>) -> String {
    let mut table = String::new();
    for (name, description) in rows {
        let description = escaped(description.as_str().unwrap_or_default());
        let _infallible = write!(table, "<tr><th><code>{}</code><td>{description}", escaped(name));
    }
    if table.is_empty() { table } else { format!("<table>{table}</table>") }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
