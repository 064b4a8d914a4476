//! Names of topics, and filters of subscriptions.

use ringfence_bridge_core::{Keys, Template};

/// Longest text that MQTT can carry, in bytes.
const TEXT_BYTES_MAX: usize = u16::MAX as usize;

/// Whether a message can be sent to `topic`.
pub(crate) fn is_name(topic: &str) -> bool {
    let is_sent = |character: char| !matches!(character, '+' | '#') && !character.is_control();
    !topic.is_empty()
        && topic.len() <= TEXT_BYTES_MAX
        && !topic.starts_with('$')
        && topic.chars().all(is_sent)
}

/// Whether `filter` can be subscribed to.
pub(crate) fn is_filter(filter: &str) -> bool {
    let levels: Vec<&str> = filter.split('/').collect();
    let is_level = |(at, level): (usize, &&str)| match *level {
        "#" => at + 1 == levels.len(),
        "+" => true,
        level => !level.contains(['+', '#']) && !level.contains(char::is_control),
    };
    !filter.is_empty() && filter.len() <= TEXT_BYTES_MAX && levels.iter().enumerate().all(is_level)
}

/// Whether a subscription to `filter` gets what is sent to `topic`. Of a shared subscription,
/// `$share/GROUP/FILTER`, its filter counts.
pub(crate) fn is_matched(filter: &str, topic: &str) -> bool {
    let filter = match filter.strip_prefix("$share/").map(|rest| rest.split_once('/')) {
        Some(Some((_, shared))) => shared,
        _ => filter,
    };
    let (mut levels, mut names) = (filter.split('/'), topic.split('/'));
    loop {
        match (levels.next(), names.next()) {
            (Some("#"), _) | (None, None) => return true,
            (Some("+"), Some(_)) => {}
            (Some(level), Some(name)) if level == name => {}
            _ => return false,
        }
    }
}

/// Reads a topic that messages are sent to.
pub(crate) fn name(keys: &mut Keys, key: &str, default: &str) -> String {
    let topic = keys.text(key).unwrap_or_else(|| default.to_owned());
    check_name(keys, key, &topic);
    topic
}

fn check_name(keys: &Keys, key: &str, topic: &str) {
    if !is_name(topic) {
        keys.mistake(key, format!("`{topic}`: no message can be sent to such a topic"));
    }
}

/// Reads the template of topics that messages are sent to.
pub(crate) fn template(keys: &mut Keys, key: &str, default: &str) -> Template {
    if let Some(text) = keys.text(key) {
        check_name(keys, key, &text);
    }
    let default = || default.parse().expect("it is a template");
    keys.parsed(key).unwrap_or_else(default)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_filters_are_told_apart() {
        //  text            name   filter
        let cases = [
            ("payments", true, true),
            ("payments/+/eur", false, true),
            ("payments/#", false, true),
            ("payments/#/eur", false, false),
            ("payments/a+", false, false),
            ("#", false, true),
            ("", false, false),
            ("a\u{0}", false, false),
            ("$SYS/broker", false, true),
        ];
        for (text, name, filter) in cases {
            assert_eq!(is_name(text), name, "{text}");
            assert_eq!(is_filter(text), filter, "{text}");
        }
    }

    #[test]
    fn filters_match_as_the_standard_says() {
        //  filter              topic             matched
        let cases = [
            ("payments", "payments", true),
            ("payments", "payments/eur", false),
            ("payments/+", "payments/eur", true),
            ("payments/+", "payments", false),
            ("payments/#", "payments", true),
            ("payments/#", "payments/a/b", true),
            ("+/eur", "payments/eur", true),
            ("+/eur", "payments/usd", false),
            ("$share/group/payments/#", "payments/eur", true),
        ];
        for (filter, topic, matched) in cases {
            assert_eq!(is_matched(filter, topic), matched, "{filter} {topic}");
        }
    }
}
