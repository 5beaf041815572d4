//! Compares responses with the description of the API.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use boon::{Compiler, SchemaIndex, Schemas};
use serde_json::{Value, json};

use crate::client::Response;

const TEXT: &str = include_str!("../../src/api/openapi.json");

/// The description.
pub(crate) static DOCUMENT: LazyLock<Value> = LazyLock::new(|| serde_json::from_str(TEXT).unwrap());

struct Compiled {
    schemas: Schemas,
    named: BTreeMap<String, SchemaIndex>,
}

static COMPILED: LazyLock<Compiled> = LazyLock::new(|| {
    let (mut compiler, mut schemas) = (Compiler::new(), Schemas::new());
    compiler.enable_format_assertions();
    compiler
        .add_resource("openapi.json", DOCUMENT.clone())
        .unwrap();
    let names = DOCUMENT["components"]["schemas"].as_object().unwrap();
    let mut named = BTreeMap::new();
    for name in names.keys() {
        let location = format!("openapi.json#/components/schemas/{name}");
        let index = compiler.compile(&location, &mut schemas).unwrap();
        named.insert(name.clone(), index);
    }
    Compiled { schemas, named }
});

/// Checks a value with a schema of the description.
pub(crate) fn check(schema: &str, value: &Value) {
    let index = COMPILED.named[schema];
    if let Err(error) = COMPILED.schemas.validate(value, index) {
        panic!("{schema}: {error}\n{value}");
    }
}

/// Returns the path of the description that a path of a request belongs to.
pub(crate) fn template(path: &str) -> Option<&'static str> {
    let paths = DOCUMENT["paths"].as_object().unwrap().keys();
    let is_it = |template: &&String| {
        let parts: Vec<_> = template.split('/').collect();
        let given: Vec<_> = path.split('/').collect();
        let fits = |(part, given): (&&str, &&str)| part.starts_with('{') || part == given;
        parts.len() == given.len() && parts.iter().zip(&given).all(fits)
    };
    // "purge" is no ID.
    let mut found: Vec<_> = paths.filter(is_it).map(String::as_str).collect();
    found.sort_by_key(|template| template.contains('{'));
    found.first().copied()
}

/// Checks that a response to a request is one of those that are described.
pub(crate) fn check_response(method: &str, target: &str, response: &Response) {
    let path = target.split('?').next().unwrap();
    let Some(template) = template(path) else {
        assert_eq!(response.status, 404, "{method} {target}");
        return check("Error", &serde_json::from_str(&response.body).unwrap());
    };
    let operation = &DOCUMENT["paths"][template][method.to_ascii_lowercase()];
    if operation.is_null() {
        assert_eq!(response.status, 405, "{method} {target}");
        return;
    }
    let described = &operation["responses"][response.status.to_string()];
    let about = format!("{method} {target}: {} {}", response.status, response.body);
    assert!(described.is_object(), "not described: {about}");
    let content_type = response
        .head
        .lines()
        .find_map(|line| line.strip_prefix("content-type: "));
    let Some(content) = described["content"].as_object() else {
        assert_eq!((content_type, &*response.body), (None, ""), "{about}");
        return;
    };
    let essence = content_type.unwrap().split(';').next().unwrap();
    assert!(content.contains_key(essence), "{about}");
    let kind = &content[essence]["schema"];
    if essence == "application/json" {
        let value = serde_json::from_str(&response.body).unwrap();
        match kind["$ref"].as_str() {
            Some(reference) => check(reference.rsplit('/').next().unwrap(), &value),
            None => assert_eq!(kind, &json!({"type": "object"})),
        }
    }
}
