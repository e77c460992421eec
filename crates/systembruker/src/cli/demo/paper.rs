//! What the story is printed on.

use std::fmt::Display;
use std::io::IsTerminal as _;

use serde_json::Value;

/// How wide the printed text is.
const WIDTH: usize = 100;

/// Prints the story, in colour where a person looks.
#[derive(Debug, Clone, Copy)]
pub struct Paper {
    colour: bool,
}

impl Paper {
    /// Paper for standard output.
    pub fn new() -> Self {
        Self { colour: std::io::stdout().is_terminal() }
    }

    fn style(self, code: &str, text: &str) -> String {
        if self.colour { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }

    /// The title of it all.
    pub fn title(self, text: &str) {
        println!("{}\n", self.style("1", text));
    }

    /// A chapter.
    pub fn chapter(self, text: &str) {
        println!("\n{}", self.style("1", text));
    }

    /// A line of text.
    pub fn line(self, text: &str) {
        println!("   {text}");
    }

    /// Who does what.
    pub fn step(self, text: &str) {
        println!("\n   {}", self.style("36", text));
    }

    /// A request and how it was answered.
    pub fn request(self, method: &str, path: &str, status: u16) {
        let request = format!("{method} {path}");
        let code = if status < 400 { "32" } else { "33" };
        println!("     {request:<82} {}", self.style(code, &status.to_string()));
    }

    /// An essential part of an answer.
    pub fn part(self, name: &str, value: impl Display) {
        let value = value.to_string();
        let indent = 5 + 24;
        let mut lines = wrap(&value, WIDTH - indent).into_iter();
        println!("     {:<23} {}", name, lines.next().unwrap_or_default());
        for line in lines {
            println!("{:indent$}{line}", "");
        }
    }

    /// A JSON document, in lines of its own.
    pub fn json(self, value: &Value) {
        let text = serde_json::to_string_pretty(value).unwrap_or_default();
        for line in text.lines() {
            println!("       {}", self.style("2", line));
        }
    }
}

/// Breaks a text at its spaces; a word that is too long stands alone.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = vec![];
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}
