//! The bridge between an engine and real brokers, all as programs of their own.

mod amqp;
mod configuration;
mod crash;
mod kafka;
mod killing;
mod mqtt;
mod sinks;
mod stomp;
mod stomp_client;
mod stomp_crash;
mod trouble;
mod zeromq;
