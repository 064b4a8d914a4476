//! A page that stays open for a week takes no more memory than one that was just opened.

use ringfence_types::{AccountFlags, Command};

use crate::page::scene::{EUR, Scene, account, transfer};

/// A week's payments, one a second.
const PAYMENTS: u128 = 7 * 24 * 3600;
/// Payments of one batch.
const BATCH: u128 = 4096;
/// What the page may take more than at the start, in bytes.
const GROWTH_BYTES_MAX: f64 = 8.0 * 1024.0 * 1024.0;
/// Elements of the page, at most.
const ELEMENTS_MAX: f64 = 3000.0;

#[test]
fn a_weeks_payments_leave_the_page_as_small_as_it_was() {
    let Some(scene) = Scene::open() else { return };
    let browser = &scene.browser;
    let mut client = scene.client();
    let accounts =
        [account(1, "", EUR, AccountFlags::NONE), account(2, "", EUR, AccountFlags::NONE)];
    client.execute(&accounts).unwrap();
    let mut pay = |first: u128| {
        let ids = first..first + BATCH;
        let batch: Vec<Command> = ids.map(|id| Command::create_transfer(transfer(id, 1))).collect();
        client.execute(&batch).unwrap().last().unwrap().sequence
    };
    // The list is full.
    scene.until_sequence(pay(1));
    let before = browser.heap_bytes();
    let batches = PAYMENTS.div_ceil(BATCH);
    let last = (1..batches).map(|batch| pay(1 + batch * BATCH)).last().unwrap();
    scene.until_sequence(last);
    let grown = browser.heap_bytes() - before;
    assert!(grown < GROWTH_BYTES_MAX, "{grown} bytes more");
    let elements = browser.number("document.querySelectorAll('*').length");
    assert!(elements < ELEMENTS_MAX, "{elements} elements");
    assert!(!browser.is("document.getElementById('rows').textContent.includes('not received')"));
    println!("{PAYMENTS} payments: {grown} bytes more, {elements} elements");
    assert_eq!(browser.complaints(&[]), Vec::<String>::new());
}
