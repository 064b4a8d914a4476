//! Amounts of any length are shown whole: a part of a number reads as another number.

use ringfence_types::{AccountFlags, Command};

use crate::page::scene::{EUR, Scene, account, transfer};

const ENTER: &str = "\u{E007}";

/// From 9 to 39 digits.
const AMOUNTS: [u128; 5] = [
    123_456_789,
    1_000_000_000_000,
    987_654_321_987_654,
    1_000_000_000_000_000_000,
    200_000_000_000_000_000_000_000_000_000_000_000_003,
];

/// Numbers and statuses that do not fit into their place, or reach out of their table.
const CUT: &str = "[...document.querySelectorAll('td.number:not(.id), td.status, .terms dd')]\
    .filter(it => it.offsetParent).filter(it => it.scrollWidth > it.clientWidth + 1 || \
    it.getBoundingClientRect().right > it.closest('section').getBoundingClientRect().right)\
    .map(it => it.textContent).join(' ')";

/// What is narrower than its longest word, letter below letter.
const CRUSHED: &str = "[...document.querySelectorAll('td')].filter(it => it.offsetParent \
    && it.clientWidth > 0 && it.clientWidth < 24 && it.textContent.length > 3)\
    .map(it => it.textContent).join(' ')";

fn grouped(amount: u128) -> String {
    let digits = amount.to_string();
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().map(|it| std::str::from_utf8(it).unwrap()).collect();
    groups.join(",")
}

#[test]
fn amounts_of_any_length_and_long_statuses_are_shown_whole_at_every_size() {
    let Some(scene) = Scene::open() else { return };
    let browser = &scene.browser;
    let limited = AccountFlags::DEBITS_MUST_NOT_EXCEED_CREDITS;
    let accounts = [
        account(1, "Town Bank of Old", EUR, AccountFlags::NONE),
        account(2, "Bakery Huber 16!", EUR, AccountFlags::NONE),
        account(3, "Old Mill Cafe 16", EUR, limited),
    ];
    let mut client = scene.client();
    client.execute(&accounts).unwrap();
    let pay = AMOUNTS.iter().zip(u128::MAX / 2..);
    let pay = pay.map(|(amount, id)| Command::create_transfer(transfer(id, *amount)));
    client.execute(&pay.collect::<Vec<_>>()).unwrap();
    // Refused, with a long status.
    let mut refused = transfer(7, 5);
    refused.debit_account_id = 3;
    refused.pending_id = 6;
    let refused = client.execute(&[Command::create_transfer(refused)]).unwrap();
    assert!(refused[0].outcome.status().name().len() > 20, "{:?}", refused[0]);
    scene.until_sequence(refused[0].sequence);
    browser.run("document.getElementById('lookup-id').focus()");
    browser.press("2");
    browser.press(ENTER);
    browser.until("document.getElementById('found').textContent.includes('Bakery Huber 16! (2)')");
    let sizes = [(1600, 1000), (1280, 800), (1000, 800), (390, 844), (320, 640)];
    for (width, height) in sizes {
        browser.look(width, height, false);
        browser.until(&format!("innerWidth === {width}"));
        for amount in AMOUNTS.map(grouped) {
            for place in ["rows", "movement-rows"] {
                let text = format!("document.getElementById('{place}').textContent");
                browser.until(&format!("{text}.includes('{amount}')"));
            }
        }
        let sum = grouped(AMOUNTS.iter().sum());
        browser.until(&format!("document.getElementById('found').textContent.includes('{sum}')"));
        assert_eq!(browser.text(CUT), "", "at {width}");
        assert_eq!(browser.text(CRUSHED), "", "at {width}");
        assert!(browser.is("document.documentElement.scrollWidth <= innerWidth"), "at {width}");
    }
    assert_eq!(browser.complaints(&[]), Vec::<String>::new());
}

#[test]
fn a_line_on_a_phone_has_operation_id_and_time_and_every_section_is_linked() {
    let Some(scene) = Scene::open() else { return };
    let browser = &scene.browser;
    let last = crate::page::scene::some_of_everything(&mut scene.client());
    scene.until_sequence(last);
    browser.look(390, 844, true);
    browser.until("innerWidth === 390");
    browser.until("document.getElementById('rows').innerText.includes('exceeds credits')");
    let hidden = "['operation', 'id', 'time', 'from', 'to', 'amount', 'status'].filter(name => \
                  ![...document.querySelectorAll(`#rows .${name}`)].some(it => it.offsetWidth > 20))";
    assert_eq!(browser.text(hidden), "");
    let cut = "[...document.querySelectorAll('nav a')].filter(it => \
               it.getBoundingClientRect().right > innerWidth).map(it => it.textContent).join()";
    assert_eq!(browser.text(cut), "");
}
