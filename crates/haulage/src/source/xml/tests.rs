//! Tests of documents: what is read of them, and what is refused.

use super::*;

/// Returns the pieces of a document, in short, and its error.
fn read(text: &str) -> (Vec<String>, Option<String>) {
    let mut xml = Xml::new(text.as_bytes(), 1);
    let mut pieces = Vec::new();
    loop {
        match xml.next() {
            Ok(Some(Piece::Start(element))) => {
                let attributes = element.attributes.iter();
                let attributes = attributes.map(|(name, value)| format!(" {name}={value:?}"));
                pieces.push(format!(
                    "<{}{}>",
                    element.name,
                    attributes.collect::<String>()
                ));
            }
            Ok(Some(Piece::Text(text))) => pieces.push(text),
            Ok(Some(Piece::UnknownEntity(name))) => pieces.push(format!("?{name}")),
            Ok(Some(Piece::End)) => pieces.push("</>".to_owned()),
            Ok(None) => return (pieces, None),
            Err(error) => {
                assert!(matches!(xml.next(), Ok(None)));
                return (pieces, Some(error.to_string()));
            }
        }
    }
}

#[test]
fn elements_of_other_namespaces_are_left_out() {
    let text = "<a xmlns='u:1' xmlns:x='u:2' xmlns:y='u:1'><x:b>no<c>no</c></x:b><y:d/><z:e/>\
                <f xmlns=''>no</f><b p=' &lt;&#65; '>1<![CDATA[<2>]]></b></a><b/>";
    let (pieces, error) = read(text);
    assert_eq!(error, None);
    assert_eq!(
        pieces[1..],
        ["<d>", "</>", "<b p=Ok(\" <A \")>", "1", "<2>", "</>", "</>"]
    );
}

#[test]
fn entities_of_the_document_are_not_expanded() {
    let text = "<!DOCTYPE a [<!ENTITY b 'http://h/'><!ENTITY c '&b;&b;'>]><a p='&c;'>&c;&amp;&#x42;&nbsp;</a>";
    let (pieces, error) = read(text);
    assert_eq!(error, None);
    assert_eq!(pieces, ["<a p=Err(\"c\")>", "?c", "&", "B", "?nbsp", "</>"]);
}

#[test]
fn an_ampersand_that_is_not_escaped_is_itself() {
    let (pieces, error) = read("<a>x?1&b=2</a>");
    assert_eq!(error, None);
    assert_eq!(pieces.concat(), "<a>x?1&b=2</>");
}

#[test]
fn a_broken_document_names_its_line() {
    let deep = "<a>".repeat(65);
    let long = format!("<a>\n<b>{}</b></a>", "x".repeat(MAX_PIECE + 1));
    for (text, says) in [
        ("<a>\n<b>\n</c></a>", "line 3: expected `</b>`"),
        ("<a>\n<b", "line 2: tag not closed"),
        ("<a>\n<b>\n", "line 3: it ends too early"),
        (&deep, "nested more than 64 deep"),
        (&long, "line 2: a tag or a text is longer than 1 MiB"),
    ] {
        let error = read(text).1.unwrap();
        assert!(error.contains(says), "{error}");
    }
    let mut latin = Xml::new(&b"<a>\n\xe9</a>"[..], 1);
    while let Ok(Some(_)) = latin.next() {}
    let mut latin = Xml::new(&b"<a>\xe9</a>"[..], 1);
    assert!(latin.next().is_ok());
    let error = latin.next().unwrap_err().to_string();
    assert!(error.contains("line 1: it is not UTF-8"), "{error}");
}
