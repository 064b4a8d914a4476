//! Reads Rust sources far enough to tell code from comments and strings, and to find functions.

/// One line of a source, taken apart.
#[derive(Debug, Default, PartialEq)]
pub struct Line {
    /// The line without comments and without the insides of strings.
    code: String,
    /// The comment on it, with its slashes.
    comment: String,
    columns: usize,
    /// A part of it lies inside a string.
    has_string: bool,
}

impl Line {
    pub fn code(&self) -> &str {
        &self.code
    }

    pub fn comment(&self) -> &str {
        &self.comment
    }

    pub fn has_code(&self) -> bool {
        !self.code.trim().is_empty()
    }

    pub fn starts_with(&self, first: char) -> bool {
        self.code.trim_start().starts_with(first)
    }

    /// Whether it is a line of documentation for what follows.
    pub fn is_doc(&self) -> bool {
        !self.has_code() && self.comment.starts_with("///") && !self.comment.starts_with("////")
    }

    /// Whether it is wider than `columns` without need. Tables, links and strings may be wider.
    pub fn is_too_wide(&self, columns: usize) -> bool {
        let text = self.comment.trim_start_matches(['/', '!']).trim_start();
        let has_need = self.has_string || text.starts_with('|') || text.contains("://");
        self.columns > columns && !has_need
    }

    /// Whether it has an unsafe block, function, trait, implementation or attribute.
    pub fn is_unsafe(&self) -> bool {
        let is_word = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
        self.code.match_indices("unsafe").any(|(at, word)| {
            let before = self.code[..at].chars().next_back();
            let after = &self.code[at + word.len()..];
            let opens = [" {", " fn ", " impl", " trait ", " extern ", "("];
            !is_word(before) && opens.iter().any(|open| after.starts_with(open))
        })
    }
}

/// Where the reader is.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Place {
    Code,
    /// Inside a string that ends with a quote and so many `#`; `None`: with an unescaped quote.
    String(Option<usize>),
    /// Inside so many block comments.
    Block(usize),
}

impl Line {
    /// Takes the next part of the code in `rest`, and gives its length.
    fn take_code(&mut self, rest: &[char], place: &mut Place) -> usize {
        if let Some((length, hashes)) = raw_string(rest) {
            self.has_string = true;
            *place = Place::String(Some(hashes));
            return length;
        }
        if rest[0] == '"' {
            self.has_string = true;
            *place = Place::String(None);
            return 1;
        }
        character(rest).unwrap_or_else(|| {
            self.code.push(rest[0]);
            1
        })
    }
}

/// The lines of a source.
pub fn lines_of(text: &str) -> Vec<Line> {
    let mut place = Place::Code;
    text.lines().map(|line| take_apart(line, &mut place)).collect()
}

fn take_apart(text: &str, place: &mut Place) -> Line {
    let columns = text.chars().count();
    let mut line =
        Line { columns, has_string: matches!(place, Place::String(_)), ..Line::default() };
    let chars: Vec<char> = text.chars().collect();
    let starts =
        |at: usize, word: &str| word.chars().eq(chars[at..].iter().copied().take(word.len()));
    let mut at = 0;
    while at < chars.len() {
        match *place {
            Place::Code if starts(at, "//") => {
                line.comment = chars[at..].iter().collect();
                break;
            }
            Place::Code if starts(at, "/*") => {
                *place = Place::Block(1);
                at += 2;
            }
            Place::Code => at += line.take_code(&chars[at..], place),
            Place::Block(depth) if starts(at, "*/") => {
                *place = if depth == 1 { Place::Code } else { Place::Block(depth - 1) };
                at += 2;
            }
            Place::Block(depth) if starts(at, "/*") => {
                *place = Place::Block(depth + 1);
                at += 2;
            }
            Place::Block(_) => at += 1,
            Place::String(None) if chars[at] == '\\' => at += 2,
            Place::String(None) => {
                if chars[at] == '"' {
                    *place = Place::Code;
                }
                at += 1;
            }
            Place::String(Some(hashes)) => {
                let ends = chars[at] == '"' && starts(at + 1, &"#".repeat(hashes));
                at += 1;
                if ends {
                    *place = Place::Code;
                    at += hashes;
                }
            }
        }
    }
    line
}

/// The length of the opening of a raw string that begins here, and how many `#` it has.
fn raw_string(rest: &[char]) -> Option<(usize, usize)> {
    let prefix = match rest {
        ['b', 'r', ..] => 2,
        ['r', ..] => 1,
        _ => return None,
    };
    let hashes = rest[prefix..].iter().take_while(|c| **c == '#').count();
    (rest.get(prefix + hashes) == Some(&'"')).then_some((prefix + hashes + 1, hashes))
}

/// The length of a character literal that begins here; a lifetime is none.
fn character(rest: &[char]) -> Option<usize> {
    match rest {
        ['\'', '\\', _, tail @ ..] => Some(3 + tail.iter().position(|c| *c == '\'')? + 1),
        ['\'', _, '\'', ..] => Some(3),
        _ => None,
    }
}

/// A function with a body.
#[derive(Debug, PartialEq)]
pub struct Function {
    pub name: String,
    /// Lines from its first word to its last brace.
    pub length: usize,
}

/// The functions of a formatted source: one ends with the first brace that is as far indented as
/// its first word.
pub fn functions(text: &str) -> Vec<Function> {
    let lines = lines_of(text);
    let originals: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (start, line) in lines.iter().enumerate() {
        let Some(name) = name_of_function(&line.code) else { continue };
        let indent: String = line.code.chars().take_while(|c| c.is_whitespace()).collect();
        let ends = |at: usize| {
            let code = lines[at].code.trim_end();
            let is_close =
                originals[at].starts_with(&indent) && code[indent.len().min(code.len())..] == *"}";
            let declares = code.starts_with(&format!("{indent})")) && code.ends_with(';');
            is_close || declares
        };
        let is_one_line = line.code.trim_end().ends_with(['}', ';']);
        let last =
            if is_one_line { Some(start) } else { (start + 1..lines.len()).find(|&at| ends(at)) };
        let Some(last) = last else { continue };
        found.push(Function { name, length: last + 1 - start });
    }
    found
}

fn name_of_function(code: &str) -> Option<String> {
    let mut words = code.trim_start();
    if let Some(rest) = words.strip_prefix("pub(") {
        words = rest.split_once(") ")?.1;
    }
    for word in ["pub ", "const ", "async ", "unsafe ", "extern  "] {
        words = words.strip_prefix(word).unwrap_or(words);
    }
    let rest = words.strip_prefix("fn ")?;
    let name: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    (!name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_is_told_from_comments_and_strings() {
        let text = "let a = \"unsafe { // no\"; // unsafe {\nlet b = r#\"two \"\n} unsafe {\n\"#; let c = '\"';\nlet d: &'static str; /* unsafe {\n} */ unsafe { e() }\n";
        let lines = lines_of(text);
        let code: Vec<&str> = lines.iter().map(|line| line.code.trim()).collect();
        let wanted =
            ["let a = ;", "let b =", "", "; let c = ;", "let d: &'static str;", "unsafe { e() }"];
        assert_eq!(code, wanted);
        assert_eq!(lines[0].comment, "// unsafe {");
        let with_unsafe: Vec<bool> = lines.iter().map(Line::is_unsafe).collect();
        assert_eq!(with_unsafe, [false, false, false, false, false, true]);
    }

    #[test]
    fn functions_are_found_with_their_length() {
        let text = "impl A {\n    pub(super) const fn one(\n        self,\n    ) -> u8 {\n        let text = \"\n    }\";\n        1\n    }\n    fn two() {}\n}\ntrait B {\n    fn three(\n        a: u8,\n    );\n}\n";
        let found = functions(text);
        let found: Vec<(&str, usize)> =
            found.iter().map(|function| (function.name.as_str(), function.length)).collect();
        assert_eq!(found, [("one", 7), ("two", 1), ("three", 3)]);
    }

    #[test]
    fn only_what_could_be_narrower_is_too_wide() {
        let wide = "x".repeat(101);
        let too_wide = |text: String| lines_of(&text)[0].is_too_wide(100);
        assert!(too_wide(format!("// {wide}")));
        assert!(too_wide(wide.clone()));
        assert!(!too_wide(format!("/// | {wide} |")));
        assert!(!too_wide(format!("// https://{wide}")));
        assert!(!too_wide(format!("let a = \"{wide}\";")));
    }
}
