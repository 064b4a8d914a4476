//! What the page shows, at which size, and how it is used by keyboard.

use crate::page::scene::{Scene, some_of_everything};

/// Keys as WebDriver names them.
const TAB: &str = "\u{E004}";
const ENTER: &str = "\u{E007}";
const DOWN: &str = "\u{E015}";

/// The text of the cells of a table's body.
fn cells(table: &str) -> String {
    format!("document.querySelector('{table}').innerText")
}

#[test]
fn everything_is_shown_on_a_phone_and_on_a_wide_screen_dark_and_light() {
    let Some(scene) = Scene::open() else { return };
    let browser = &scene.browser;
    let last = some_of_everything(&mut scene.client());
    scene.until_sequence(last);
    for (width, height, dark) in [(1600, 1000, false), (390, 844, true), (390, 844, false)] {
        browser.look(width, height, dark);
        browser.until(&format!("innerWidth === {width}"));
        assert!(browser.is("document.documentElement.scrollWidth <= innerWidth"), "at {width}");
        let ground = browser.text("getComputedStyle(document.body).backgroundColor");
        assert_eq!(ground == "rgb(16, 19, 22)", dark, "{ground}");
        browser.until(&format!("{}.includes('Bakery Huber')", cells("#rows")));
        browser.until(&format!("{}.includes('exceeds credits')", cells("#refusal-rows")));
        browser.until(&format!("{}.includes('9,220')", cells("#books")));
        browser.until(&format!("{}.includes('8,000')", cells("#queue-rows")));
    }
    assert_eq!(browser.complaints(&[]), Vec::<String>::new());
}

#[test]
fn an_account_is_looked_up_with_its_movements_and_follows_what_happens() {
    let Some(scene) = Scene::open() else { return };
    let browser = &scene.browser;
    let mut client = scene.client();
    some_of_everything(&mut client);
    browser.run("document.getElementById('lookup-id').focus()");
    browser.press("2");
    browser.press(ENTER);
    browser.until(&format!("{}.includes('Bakery Huber (2)')", cells("#found")));
    browser.until(&format!("{}.includes('2,500')", cells("#movement-rows")));
    let more = crate::page::scene::transfer(20, 777);
    client.execute(&[ringfence_types::Command::create_transfer(more)]).unwrap();
    browser.until(&format!("{}.includes('777')", cells("#movement-rows")));
    browser.until(&format!("{}.includes('3,277')", cells("#found")));
    assert_eq!(browser.complaints(&[]), Vec::<String>::new());
}

#[test]
fn the_list_is_used_by_keyboard_and_stands_still_meanwhile() {
    let Some(scene) = Scene::open() else { return };
    let browser = &scene.browser;
    let mut client = scene.client();
    let last = some_of_everything(&mut client);
    scene.until_sequence(last);
    browser.until("document.querySelectorAll('#rows tr').length >= 10");
    // The first line of the list is what Tab reaches after the button before it.
    browser.run("document.getElementById('hold').focus()");
    browser.press(TAB);
    assert!(browser.is("document.activeElement.matches('#rows tr:first-child')"));
    browser.press(DOWN);
    browser.press(DOWN);
    browser.press(DOWN);
    assert!(browser.is("document.activeElement.matches('#rows tr:nth-child(4)')"));
    let before = browser.text(&cells("#rows"));
    client
        .execute(&[ringfence_types::Command::create_transfer(crate::page::scene::transfer(30, 1))])
        .unwrap();
    scene.until_sequence(last + 1);
    browser.until("document.getElementById('live-note').textContent.includes('1 new')");
    assert_eq!(browser.text(&cells("#rows")), before);
    // The fourth line is the payment that waits: its id is looked up.
    browser.press(ENTER);
    browser.until(&format!("{}.includes('Transfer 12')", cells("#found")));
    // A slash leads to the look-up, and the list goes on.
    browser.press("/");
    assert!(browser.is("document.activeElement.id === 'lookup-id'"));
    browser.until("document.querySelector('#rows tr').cells[3].textContent === '30'");
    assert_eq!(browser.complaints(&[]), Vec::<String>::new());
}

#[test]
fn every_control_has_a_name_and_every_column_a_header() {
    let Some(scene) = Scene::open() else { return };
    let browser = &scene.browser;
    some_of_everything(&mut scene.client());
    browser.until(&format!("{}.includes('9,220')", cells("#books")));
    let nameless = "[...document.querySelectorAll('button, input, select, canvas, a')].filter(it => \
                    !(it.ariaLabel || it.labels?.length || it.textContent.trim())).map(it => it.outerHTML)";
    assert_eq!(browser.text(nameless), "");
    let headless = "[...document.querySelectorAll('thead th')].filter(it => it.textContent.trim() \
                    && it.scope !== 'col').length";
    assert_eq!(browser.number(headless), 0.0);
}

#[test]
fn nothing_foreign_is_loaded_and_nothing_written_into_the_page_runs() {
    let Some(scene) = Scene::open() else { return };
    let browser = &scene.browser;
    let policy = "(r => (r.open('GET', '/', false), r.send(), \
                  r.getResponseHeader('content-security-policy')))(new XMLHttpRequest())";
    let policy = browser.text(policy);
    for part in ["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'"] {
        assert!(policy.contains(part), "{policy}");
    }
    assert!(!policy.contains("unsafe"), "{policy}");
    browser.run(
        "const script = document.createElement('script');\
         script.textContent = 'window.hasRun = true'; document.body.append(script);",
    );
    assert!(browser.is("window.hasRun === undefined"));
    let foreign = "performance.getEntriesByType('resource').filter(it => \
                   new URL(it.name).origin !== location.origin).length";
    assert_eq!(browser.number(foreign), 0.0);
    // The script was refused aloud; nothing else is.
    assert_eq!(
        browser.complaints(&["Content Security Policy", "TrustedScript"]),
        Vec::<String>::new()
    );
}
