//! Reads the statements out of the sources of `backend`: every string that is one, macros that join strings expanded. What a
//! statement is sent by does not matter, so none can be forgotten.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// A piece of a source file that matters here.
#[derive(Clone, Debug, PartialEq)]
enum Token {
    Text(String),
    /// `name!(`
    Call(String),
    Word(String),
    Sign(char),
}

/// An arm of a macro that joins strings: the names of its parameters, and what it joins.
struct Arm {
    name: String,
    parameters: Vec<String>,
    body: Vec<Token>,
}

/// Every statement in the sources, as it is sent.
pub fn statements() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for file in files(&root.join("src")) {
        let text = fs::read_to_string(&file).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap();
        let (arms, tokens) = macros(&tokens(code));
        for (place, token) in tokens.iter().enumerate() {
            match token {
                Token::Text(text) => drop(found.insert(text.clone())),
                Token::Call(name) if arms.iter().any(|arm| arm.name == *name) => {
                    found.insert(expand(&arms, name, &arguments(&tokens[place + 1..])));
                }
                _ => {}
            }
        }
    }
    let verbs = ["SELECT ", "INSERT INTO ", "UPDATE ", "DELETE FROM ", "WITH "];
    found.retain(|text| verbs.iter().any(|verb| text.starts_with(verb)) && text.len() > 20);
    found
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

fn tokens(code: &str) -> Vec<Token> {
    let mut found = Vec::new();
    let mut rest = code;
    while let Some(first) = rest.chars().next() {
        if rest.starts_with("//") {
            rest = rest.split_once('\n').map_or("", |(_, after)| after);
        } else if let Some(raw) = rest.strip_prefix("r#\"") {
            let (text, after) = raw.split_once("\"#").unwrap();
            found.push(Token::Text(text.to_owned()));
            rest = after;
        } else if let Some(text) = rest.strip_prefix('"') {
            let (text, after) = unescape(text);
            found.push(Token::Text(text));
            rest = after;
        } else if rest.starts_with("'\"'") || rest.starts_with("'\\") {
            rest = &rest[2..];
            rest = rest.split_once('\'').unwrap().1;
        } else if first.is_alphabetic() || first == '_' {
            let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            let (word, after) = rest.split_at(end);
            let is_call = after.starts_with("!(");
            found.push(if is_call { Token::Call(word.to_owned()) } else { Token::Word(word.to_owned()) });
            rest = if is_call { &after[2..] } else { after };
        } else {
            if !first.is_whitespace() {
                found.push(Token::Sign(first));
            }
            rest = &rest[first.len_utf8()..];
        }
    }
    found
}

/// The value of a string whose quote has been read, and what comes after it.
fn unescape(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((place, c)) = chars.next() {
        match c {
            '"' => return (value, &text[place + 1..]),
            '\\' => match chars.next().unwrap().1 {
                '\n' => {
                    let rest = chars.as_str().trim_start();
                    let (more, after) = unescape(rest);
                    return (value + &more, after);
                }
                'n' => value.push('\n'),
                other => value.push(other),
            },
            c => value.push(c),
        }
    }
    panic!("a string without an end: {text}");
}

/// Takes the definitions of macros out.
fn macros(tokens: &[Token]) -> (Vec<Arm>, Vec<Token>) {
    let (mut arms, mut others) = (Vec::new(), Vec::new());
    let mut rest = tokens;
    while let Some((token, after)) = rest.split_first() {
        rest = after;
        if *token != Token::Word("macro_rules".to_owned()) {
            others.push(token.clone());
            continue;
        }
        // `macro_rules ! name { … }`
        let Token::Word(name) = &rest[1] else { continue };
        let end = closing(&rest[2..]) + 2;
        arms.extend(arms_of(name, &rest[3..end]));
        rest = &rest[end + 1..];
    }
    (arms, others)
}

/// `( $a:literal, … ) => { … } ; …`
fn arms_of(name: &str, mut rest: &[Token]) -> Vec<Arm> {
    let mut arms = Vec::new();
    while rest.first() == Some(&Token::Sign('(')) {
        let end = closing(rest);
        let pairs = rest[..end].windows(2);
        let parameters = pairs.filter_map(|pair| match pair {
            [Token::Sign('$'), Token::Word(name)] => Some(name.clone()),
            _ => None,
        });
        let parameters = parameters.collect();
        rest = &rest[end + 3..];
        let end = closing(rest);
        arms.push(Arm { name: name.to_owned(), parameters, body: rest[1..end].to_vec() });
        rest = rest.get(end + 2..).unwrap_or_default();
    }
    arms
}

/// The place of the sign that closes the first one.
fn closing(tokens: &[Token]) -> usize {
    let mut depth = 0;
    for (place, token) in tokens.iter().enumerate() {
        match token {
            Token::Sign('(' | '{' | '[') | Token::Call(_) => depth += 1,
            Token::Sign(')' | '}' | ']') => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return place;
        }
    }
    panic!("what is opened is not closed");
}

fn arguments(tokens: &[Token]) -> Vec<String> {
    let text = |token: &Token| if let Token::Text(text) = token { Some(text.clone()) } else { None };
    tokens.iter().take_while(|token| **token != Token::Sign(')')).filter_map(text).collect()
}

fn expand(arms: &[Arm], name: &str, arguments: &[String]) -> String {
    let arm = arms.iter().find(|arm| arm.name == name && arm.parameters.len() == arguments.len());
    let arm = arm.unwrap_or_else(|| panic!("no arm of {name} takes {arguments:?}"));
    let mut text = String::new();
    for (place, token) in arm.body.iter().enumerate() {
        match token {
            Token::Text(part) => text.push_str(part),
            Token::Call(inner) if inner != "concat" => text.push_str(&expand(arms, inner, &[])),
            Token::Word(word) if place > 0 && arm.body[place - 1] == Token::Sign('$') => {
                let which = arm.parameters.iter().position(|name| name == word).unwrap();
                text.push_str(&arguments[which]);
            }
            _ => {}
        }
    }
    text
}
