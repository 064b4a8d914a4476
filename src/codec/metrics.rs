//! Numbers in the text form that Prometheus reads, version 0.0.4.

use std::fmt::{Display, Write};

/// A page of numbers that grows, family by family.
#[derive(Debug, Default)]
pub struct MetricsPage {
    /// What every name begins with.
    prefix: &'static str,
    /// Name of the family that samples are of.
    family: &'static str,
    text: String,
}

impl MetricsPage {
    /// A page without a number. Every name on it begins with `prefix`.
    #[must_use]
    pub fn new(prefix: &'static str) -> MetricsPage {
        MetricsPage { prefix, ..MetricsPage::default() }
    }

    /// Begins a family: the samples that follow are of it. `kind` is `counter`, `gauge` or
    /// `histogram`.
    pub fn family(&mut self, name: &'static str, kind: &str, help: &str) {
        self.family = name;
        let prefix = self.prefix;
        self.write(format_args!("# HELP {prefix}{name} {help}\n# TYPE {prefix}{name} {kind}\n"));
    }

    /// A family of one number without labels.
    pub fn single(&mut self, name: &'static str, kind: &str, help: &str, value: impl Display) {
        self.family(name, kind, help);
        self.sample(&[], value);
    }

    /// A number of the family.
    pub fn sample(&mut self, labels: &[(&str, &str)], value: impl Display) {
        self.sample_of("", labels, value);
    }

    /// A number of the family, whose name goes on with `suffix`: `_bucket`, `_sum` or `_count`.
    pub fn sample_of(&mut self, suffix: &str, labels: &[(&str, &str)], value: impl Display) {
        let (prefix, family) = (self.prefix, self.family);
        self.write(format_args!("{prefix}{family}{suffix}"));
        for (index, (label, of)) in labels.iter().enumerate() {
            self.text.push(if index == 0 { '{' } else { ',' });
            self.write(format_args!("{label}=\""));
            for letter in of.chars() {
                match letter {
                    '\\' => self.text.push_str("\\\\"),
                    '"' => self.text.push_str("\\\""),
                    '\n' => self.text.push_str("\\n"),
                    other => self.text.push(other),
                }
            }
            self.text.push('"');
        }
        if !labels.is_empty() {
            self.text.push('}');
        }
        self.write(format_args!(" {value}\n"));
    }

    /// The page.
    #[must_use]
    pub fn into_text(self) -> String {
        self.text
    }

    fn write(&mut self, text: std::fmt::Arguments<'_>) {
        self.text.write_fmt(text).expect("a string takes all");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_say_what_they_are_and_labels_are_escaped() {
        let mut page = MetricsPage::new("engine_");
        page.single("ready", "gauge", "1 if so.", 1);
        page.family("seconds", "histogram", "Time.");
        page.sample_of("_bucket", &[("le", "0.5")], 7);
        page.sample_of("_sum", &[], "1.5");
        page.family("dead_total", "counter", "Letters.");
        page.sample(&[("of", "a \"b\" \\ c\nd"), ("kind", "é")], 3);
        let expected = r#"# HELP engine_ready 1 if so.
# TYPE engine_ready gauge
engine_ready 1
# HELP engine_seconds Time.
# TYPE engine_seconds histogram
engine_seconds_bucket{le="0.5"} 7
engine_seconds_sum 1.5
# HELP engine_dead_total Letters.
# TYPE engine_dead_total counter
engine_dead_total{of="a \"b\" \\ c\nd",kind="é"} 3
"#;
        assert_eq!(page.into_text(), expected);
    }
}
