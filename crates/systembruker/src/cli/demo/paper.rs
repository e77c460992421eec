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
    silent: bool,
}

impl Paper {
    /// Paper for standard output.
    pub fn stdout() -> Self {
        Self { colour: std::io::stdout().is_terminal(), silent: false }
    }

    /// Paper that nothing is printed on.
    pub fn silent() -> Self {
        Self { colour: false, silent: true }
    }

    fn style(self, code: &str, text: &str) -> String {
        if self.colour { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }

    fn print(self, text: &str) {
        if !self.silent {
            println!("{text}");
        }
    }

    /// The title of it all.
    pub fn title(self, text: &str) {
        self.print(&format!("{}\n", self.style("1", text)));
    }

    /// A chapter.
    pub fn chapter(self, text: &str) {
        self.print(&format!("\n{}", self.style("1", text)));
    }

    /// A line of text.
    pub fn line(self, text: &str) {
        self.print(&format!("   {text}"));
    }

    /// Who does what.
    pub fn step(self, text: &str) {
        self.print(&format!("\n   {}", self.style("36", text)));
    }

    /// A request and how it was answered.
    pub fn request(self, method: &str, path: &str, status: u16) {
        let request = format!("{method} {path}");
        let code = if status < 400 { "32" } else { "33" };
        self.print(&format!("     {request:<82} {}", self.style(code, &status.to_string())));
    }

    /// An essential part of an answer.
    pub fn part(self, name: &str, value: impl Display) {
        let value = value.to_string();
        let indent = 5 + 24;
        let mut lines = wrap(&value, WIDTH - indent).into_iter();
        self.print(&format!("     {:<23} {}", name, lines.next().unwrap_or_default()));
        for line in lines {
            self.print(&format!("{:indent$}{line}", ""));
        }
    }

    /// A JSON document, in lines of its own.
    pub fn json(self, value: &Value) {
        let text = serde_json::to_string_pretty(value).unwrap_or_default();
        for line in text.lines() {
            self.print(&format!("       {}", self.style("2", line)));
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
