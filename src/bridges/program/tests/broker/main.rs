//! The bridge between an engine and real brokers, all as programs of their own.

mod amqp;
mod configuration;
mod crash;
mod house;
mod kafka;
mod mqtt;
mod stomp;
mod stomp_client;
mod stomp_crash;
mod zeromq;
