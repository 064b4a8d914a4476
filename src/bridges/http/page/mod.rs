//! The page of `GET /`: its files, as they are in the program.

/// A file of the page.
#[derive(Debug, PartialEq, Eq)]
pub struct File {
    /// Its address.
    pub path: &'static str,
    /// Its media type.
    pub content_type: &'static str,
    /// Its content.
    pub content: &'static [u8],
}

/// The script `name`, which the page asks for by its address.
macro_rules! script {
    ($name:literal) => {
        File {
            path: concat!("/page/", $name),
            content_type: "text/javascript; charset=utf-8",
            content: include_bytes!($name),
        }
    };
}

/// Every file.
pub const FILES: &[File] = &[
    File {
        path: "/",
        content_type: "text/html; charset=utf-8",
        content: include_bytes!("index.html"),
    },
    File {
        path: "/page/style.css",
        content_type: "text/css; charset=utf-8",
        content: include_bytes!("style.css"),
    },
    File {
        path: "/page/icon.svg",
        content_type: "image/svg+xml",
        content: include_bytes!("icon.svg"),
    },
    script!("api.js"),
    script!("books.js"),
    script!("dom.js"),
    script!("engine.js"),
    script!("format.js"),
    script!("live.js"),
    script!("lookup.js"),
    script!("main.js"),
    script!("names.js"),
    script!("plot.js"),
    script!("rates.js"),
    script!("records.js"),
    script!("refusals.js"),
    script!("rows.js"),
    script!("series.js"),
    script!("stream.js"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_a_file_of_the_page_names_is_there() {
        let mut named = 0;
        for file in FILES.iter().filter(|file| file.content_type.starts_with("text/")) {
            let text = std::str::from_utf8(file.content).unwrap();
            let imported = text.split("from './").skip(1).map(|rest| format!("/page/{rest}"));
            let linked = text.split("=\"/page/").skip(1).map(|rest| format!("/page/{rest}"));
            for path in imported.chain(linked) {
                let path = path.split(['\'', '"']).next().unwrap();
                assert!(FILES.iter().any(|it| it.path == path), "{}: {path}", file.path);
                named += 1;
            }
        }
        assert!(named > FILES.len());
    }

    #[test]
    fn the_page_has_no_script_or_style_inside_it() {
        let text = std::str::from_utf8(FILES[0].content).unwrap();
        for part in ["<style", "style=", "onclick", "<script>", "javascript:"] {
            assert!(!text.contains(part), "{part}");
        }
    }
}
