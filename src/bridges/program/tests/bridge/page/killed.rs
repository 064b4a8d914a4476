//! Engine and bridge are killed while the page is open and payments are sent. The page goes on by
//! itself: no reload, no gap, nothing twice.

use std::time::{Duration, Instant};

use ringfence_types::{AccountFlags, Command};

use crate::page::scene::{EUR, Scene, account, transfer};

/// Payments between two kills.
const PAYMENTS: u128 = 300;

/// Sends payments one by one; each third is refused for want of an account.
fn pay(scene: &Scene, first: u128) {
    let mut client = scene.client();
    for id in first..first + PAYMENTS {
        let mut payment = transfer(id, 1);
        if id % 3 == 0 {
            payment.credit_account_id = 99;
        }
        let answers = client.execute(&[Command::create_transfer(payment)]).unwrap();
        assert_eq!(answers[0].outcome.status().is_refusal(), id % 3 == 0);
    }
}

#[test]
fn the_page_goes_on_after_engine_and_bridge_were_killed() {
    let Some(mut scene) = Scene::open() else { return };
    let accounts =
        [account(1, "", EUR, AccountFlags::NONE), account(2, "", EUR, AccountFlags::NONE)];
    scene.client().execute(&accounts).unwrap();
    scene.browser.run("window.isTheSamePage = true");
    let mut first = 1000;
    for which in [1, 2, 3, 1, 3] {
        pay(&scene, first);
        first += PAYMENTS;
        if which & 1 != 0 {
            scene.bridge.kill();
        }
        if which & 2 != 0 {
            scene.engine.kill();
        }
        scene.browser.until("document.getElementById('state').textContent !== 'live'");
        if which & 2 != 0 {
            scene.engine = scene.house.engine();
            // What is paid while the page hears nothing comes later.
            pay(&scene, first);
            first += PAYMENTS;
        }
        if which & 1 != 0 {
            scene.start_bridge();
        }
        let start = Instant::now();
        scene.browser.until("document.getElementById('state').textContent === 'live'");
        assert!(start.elapsed() < Duration::from_secs(30));
    }
    pay(&scene, first);
    first += PAYMENTS;
    let browser = &scene.browser;
    browser
        .until(&format!("document.querySelector('#rows td.id').textContent === '{}'", first - 1));
    assert!(browser.is("window.isTheSamePage"));
    let refused = (1000..first).filter(|id| id % 3 == 0).count();
    let seen =
        "document.querySelector('#refusal-rows tr').cells[2].textContent.replaceAll(',', '')";
    browser.until(&format!("{seen} === '{refused}'"));
    assert_eq!(browser.text("document.querySelectorAll('#refusal-rows tr').length"), "1");
    // The lines stand one after the other, without a gap.
    browser.run("document.getElementById('with-lookups').click()");
    let gaps = "[...document.querySelectorAll('#rows tr')].map(row => Number(\
                row.cells[0].textContent.replaceAll(',', ''))).filter((it, at, all) => \
                at > 0 && all[at - 1] - it !== 1).length";
    assert_eq!(browser.number(gaps), 0.0);
    let paid = (1000..first).filter(|id| id % 3 != 0).count();
    assert_eq!(scene.house.account(1).debits_posted, paid as u128);
    // A browser notes connections that are lost; nothing else went wrong.
    assert_eq!(browser.complaints(&["net::ERR_", "503 (Service"]), Vec::<String>::new());
    // An open page does not keep the bridge from ending.
    assert_eq!(scene.bridge.stop(), Some(0));
}
