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

/// Every file.
pub const FILES: &[File] = &[File {
    path: "/",
    content_type: "text/html; charset=utf-8",
    content: include_bytes!("index.html"),
}];
