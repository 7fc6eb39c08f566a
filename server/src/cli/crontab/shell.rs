//! The words (without their quotes) of a shell's command line, as far as a name needs them. Pure, and never fails: what it cannot read are words.

/// The simple commands of a line, in order: what stands between `&&`, `||`, `;`, `|`, `&` and brackets. Redirections are left
/// out; `$(…)` and backquotes stay in the word in which they are.
pub fn commands(line: &str) -> Vec<Vec<String>> {
    let mut reader = Reader { commands: vec![Vec::new()], word: None, is_target: false };
    let mut chars = line.chars().peekable();
    let (mut quote, mut depth) = (None, 0_usize);
    while let Some(c) = chars.next() {
        match (c, quote) {
            ('\\', None | Some('"')) => reader.push(chars.next()),
            (c, Some(open)) if c == open => quote = None,
            (c, Some(_)) => reader.push(Some(c)),
            ('\'' | '"' | '`', None) => {
                quote = Some(c);
                reader.push(None);
            }
            ('$', None) if chars.peek() == Some(&'(') => {
                depth += 1;
                reader.push(Some(c));
                reader.push(chars.next());
            }
            (c, None) if depth > 0 => {
                depth = match c {
                    '(' => depth + 1,
                    ')' => depth - 1,
                    _ => depth,
                };
                reader.push(Some(c));
            }
            ('>' | '<', None) => {
                while chars.next_if(|next| matches!(next, '>' | '<' | '&' | '|')).is_some() {}
                reader.redirect();
            }
            ('&', None) if chars.peek() == Some(&'>') => {}
            ('&' | ';' | '|' | '(' | ')' | '\n', None) => reader.end_command(),
            (c, None) if c.is_whitespace() => reader.end_word(),
            (c, None) => reader.push(Some(c)),
        }
    }
    reader.end_command();
    reader.commands.retain(|words| !words.is_empty());
    reader.commands
}

struct Reader {
    commands: Vec<Vec<String>>,
    word: Option<String>,
    /// The next word is a file that is read or written.
    is_target: bool,
}

impl Reader {
    fn push(&mut self, c: Option<char>) {
        self.word.get_or_insert_default().extend(c);
    }

    /// The number before a redirection belongs to it.
    fn redirect(&mut self) {
        self.word = self.word.take().filter(|word| !word.chars().all(|c| c.is_ascii_digit()));
        self.end_word();
        self.is_target = true;
    }

    fn end_word(&mut self) {
        let Some(text) = self.word.take() else { return };
        if std::mem::take(&mut self.is_target) {
            return;
        }
        if let Some(words) = self.commands.last_mut() {
            words.push(text);
        }
    }

    fn end_command(&mut self) {
        self.end_word();
        self.is_target = false;
        self.commands.push(Vec::new());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_split_as_a_shell_would() {
        let rows: [(&str, &[&[&str]]); 12] = [
            ("", &[]),
            ("a b", &[&["a", "b"]]),
            ("a && b || c; d | e & f", &[&["a"], &["b"], &["c"], &["d"], &["e"], &["f"]]),
            ("a 'b; c' \"d && e\"", &[&["a", "b; c", "d && e"]]),
            ("a > /dev/null 2>&1", &[&["a"]]),
            ("a &>/dev/null; b >>x 2>> y z", &[&["a"], &["b", "z"]]),
            ("(a; b)", &[&["a"], &["b"]]),
            ("test $(date +%d) -eq 1 && x", &[&["test", "$(date +%d)", "-eq", "1"], &["x"]]),
            ("a \\; b\\ c", &[&["a", ";", "b c"]]),
            ("a \"x\\\"y\" ''", &[&["a", "x\"y", ""]]),
            ("a `b; c` d", &[&["a", "b; c", "d"]]),
            ("a 'b", &[&["a", "b"]]),
        ];
        for (line, expected) in rows {
            let got = commands(line);
            let got: Vec<Vec<&str>> =
                got.iter().map(|words| words.iter().map(|word| word.as_str()).collect()).collect();
            assert_eq!(got, expected, "{line}");
        }
    }
}
