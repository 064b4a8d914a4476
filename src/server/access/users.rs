//! Users of the system, by name.

use std::fs;

/// The number of the user `name`, from `/etc/passwd`.
///
/// Users whom a directory service knows are not in that file; an access file names them by number.
pub(super) fn number_of(name: &str) -> Option<u32> {
    find(&fs::read_to_string("/etc/passwd").ok()?, name)
}

fn find(passwd: &str, name: &str) -> Option<u32> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next() == Some(name)).then(|| fields.nth(1))??.parse().ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_found_by_the_whole_name() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\nrooted:x:7:7::/:/bin/sh\nbroken\nodd:x:no:1\n";
        let cases = [
            ("root", Some(0)),
            ("rooted", Some(7)),
            ("roo", None),
            ("broken", None),
            ("odd", None),
        ];
        for (name, number) in cases {
            assert_eq!(find(passwd, name), number, "{name}");
        }
    }
}
