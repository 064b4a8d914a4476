//! The bridge as a program, between an engine and what is outside: brokers, HTTP, a browser.

mod broker;
mod house;
mod http;
mod page;
mod port;
