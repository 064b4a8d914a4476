//! Parts of the page alone: what they make of what they are given.

use serde_json::{Value, json};

use crate::page::browser::Browser;
use crate::page::scene::Scene;

/// What an expression gives where `it` is a module of the page.
fn with(browser: &Browser, module: &str, expression: &str) -> Value {
    browser.run(&format!("return import('/page/{module}').then(it => {expression})"))
}

#[test]
fn parts_of_the_page_do_what_they_say() {
    let Some(scene) = Scene::open() else { return };
    let browser = &scene.browser;
    //  module, expression, what it gives
    let cases = [
        (
            "format.js",
            "it.grouped('340282366920938463463374607431768211455')",
            json!("340,282,366,920,938,463,463,374,607,431,768,211,455"),
        ),
        (
            "format.js",
            "[0, 0.4, 9.94, 12, 12345].map(it.rate)",
            json!(["0", "0.4", "9.9", "12", "12,345"]),
        ),
        (
            "format.js",
            "[1.5e-6, 0.00025, 0.012, 3, 600, null].map(it.duration)",
            json!(["1.5 µs", "250 µs", "12 ms", "3.0 s", "10 min", "–"]),
        ),
        ("format.js", "it.textOf(String(0x42616b657279n))", json!("Bakery")),
        (
            "format.js",
            "['0', '7', String(0x42616b6572790an)].map(it.textOf)",
            json!([null, null, null]),
        ),
        // A message that comes in pieces, a comment, and a greeting without data.
        (
            "stream.js",
            "(p => ['retry: 1\\n: x\\nid: 4\\n\\nid: 5\\nda', 'ta: {}\\n', '\\n: beat\\n\\n']\
          .flatMap(text => [...p.read(text)]))(new it.Parser())",
            json!([{"id": "4", "data": null}, {"id": "5", "data": "{}"}, {"id": null, "data": null}]),
        ),
        // Time goes on where nothing happens; what is too old is dropped.
        (
            "series.js",
            "(s => (s.add(100, 0, 1), s.add(102, 0, 5), s.add(95, 0, 9), s.add(101, 0, 2), \
          [0, 1, 2, 3].map(back => s.get(0, back))))(new it.Series(1, 4, 1))",
            json!([5, 2, 1, 0]),
        ),
        (
            "series.js",
            "(s => (s.add(100, 0, 1), s.reach(1000), s.sum(0, 3)))(new it.Series(1, 4, 1))",
            json!(0),
        ),
        // Half of what came between the readings took at most 2 ms.
        (
            "engine.js",
            "it.quantile([{labels: {le: '0.001'}, value: 5}, {labels: {le: '0.002'}, value: 5}, \
          {labels: {le: '+Inf'}, value: 5}], [{labels: {le: '+Inf'}, value: 9}, \
          {labels: {le: '0.002'}, value: 8}, {labels: {le: '0.001'}, value: 5}], 0.5)",
            json!(0.002),
        ),
        ("engine.js", "it.quantile([], [{labels: {le: '+Inf'}, value: 0}], 0.5)", json!(null)),
        (
            "engine.js",
            "it.familiesOf({'a{x=\"y z\"}': '5'}).get('a')",
            json!([{"labels": {"x": "y z"}, "value": 5}]),
        ),
    ];
    for (module, expression, expected) in cases {
        assert_eq!(with(browser, module, expression), expected, "{module}: {expression}");
    }
}

#[test]
fn latency_stays_in_its_plot_while_the_engine_is_away() {
    let Some(scene) = Scene::open() else { return };
    // What the bridge says of the engine's numbers, one answer after the other.
    let script = "(async () => {
        const engine = new it.Engine(() => {}, () => {});
        const real = window.fetch;
        for (const engine_metrics of ANSWERS) {
            const body = JSON.stringify({ engine: { up: true }, engine_metrics });
            window.fetch = async () => new Response(body);
            await engine.read();
        }
        window.fetch = real;
        return document.getElementById('latency').hidden;
    })()";
    //  answers, whether the plot is hidden
    for (answers, expected) in [("[null]", true), ("[{ a: '5' }]", false), ("[{}, null]", false)] {
        let hidden = with(&scene.browser, "engine.js", &script.replace("ANSWERS", answers));
        assert_eq!(hidden, expected, "{answers}");
    }
}

#[test]
fn what_comes_again_is_dropped_and_what_is_lost_is_named() {
    let Some(scene) = Scene::open() else { return };
    let browser = &scene.browser;
    // The letters: o outcome, e event, m missing.
    let script = "(() => {
        const seen = [];
        const records = new it.Records({
            outcome: (outcome) => seen.push(`o${outcome.sequence}`),
            event: (event) => seen.push(`e${event.event}`),
            missing: (first, last) => seen.push(`m${first}-${last}`),
        });
        records.startAfter(4);
        for (const step of STEPS) {
            if (step === 'lost') records.lost();
            else if (step < 0) records.take({ event: String(-step), sequence: '5' });
            else records.take({ sequence: String(step), status: 'created' });
        }
        return seen.join(' ');
    })()";
    //  steps: sequences, negative for events; what is seen
    let cases = [
        ("[4, 5, 6]", "o5 o6"),
        ("[5, 'lost', 5, 6]", "o5 o6"),
        ("[-1, 5, 'lost', -1, -2, 6]", "e1 o5 e2 o6"),
        ("[5, 'lost', 9]", "o5 m6-8 o9"),
        // A reader that is confined to ledgers does not get all.
        ("[5, 7, 'lost', 9]", "o5 o7 o9"),
    ];
    for (steps, expected) in cases {
        let found = with(browser, "records.js", &script.replace("STEPS", steps));
        assert_eq!(found, expected, "{steps}");
    }
}
