// console.mjs - the console of a running gateway, in a real browser: is everything there, alive, and from this host only?
//   node tests/e2e/console.mjs URL [PNG]      NOCT_AUTH=ACCESS:SECRET when the gateway asks for credentials
//   NODES=6 expected nodes; SCALE=2 for a picture with twice the pixels; WARM=S seconds to let it run before the picture;
//   WAIT=S seconds at most for satellites in daylight with a ground link up
// The last line: "N passed, M failed"; exit 1 on any failure.
import { Checks, look_at_globe, open_page } from './browser.mjs';

const [url, png] = process.argv.slice(2);
if (!url) {
    console.error('usage: console.mjs URL [PNG]');
    process.exit(2);
}
// For the picture: until the satellites fly by day in the northern half and one of them talks to the ground, or the time is over.
const wait_for_view = (page, seconds) => page.waitForFunction(() => {
    const s = globalThis.noct.state();
    const ground = s.nodes.filter((n) => n.role === 'gateway').map((n) => n.id);
    const satellites = s.nodes.filter((n) => n.role === 'satellite' && n.r_teme_km);
    const sun = s.sun_teme_km || [1, 0, 0];
    const by_day = (n) => n.r_teme_km.reduce((sum, x, i) => sum + x * sun[i], 0) > 0.08 * Math.hypot(...sun) * Math.hypot(...n.r_teme_km);
    const latitude = satellites.reduce((sum, n) => sum + n.lat_deg, 0) / satellites.length;
    return latitude > 30 && latitude < 62 && satellites.every(by_day) && s.links.some(([a, b]) => ground.includes(a) !== ground.includes(b));
}, { timeout: seconds * 1000, polling: 100 }).then(() => new Promise((done) => setTimeout(done, 1500)), () => {});

const expected = Number(process.env.NODES || 6);
const checks = new Checks();
const { page, faults, close } = await open_page(url.endsWith('/') ? url : `${url}/`, { scale: Number(process.env.SCALE || 1) });
try {
    await checks.waits('the state arrives', page, () => document.body.classList.contains('ready'));
    await checks.waits(`${expected} nodes are listed`, page, (n) => document.querySelectorAll('#nodes tbody:not([aria-hidden]) tr:not([hidden])').length === n, 30, expected);
    await checks.waits('the globe has drawn a few frames with both pictures', page, () => {
        const globe = globalThis.noct.globe();
        const uniforms = globe?.earth.fixed.children[0].material.uniforms;
        return globe?.frames > 5 && uniforms.has_day.value && uniforms.has_night.value;
    });
    const seen = await look_at_globe(page);
    checks.that('the globe is no plain area', seen && seen.colours > 60 && seen.lit > 0.08, JSON.stringify(seen));
    await checks.waits('events arrive', page, () => globalThis.noct.events_panel.events.length > 0 && document.querySelectorAll('#events tbody:not([aria-hidden]) tr:not([hidden])').length > 0, 60);
    const before = await page.evaluate(() => [document.getElementById('time').textContent, globalThis.noct.clock.time_ms(), performance.now()]);
    await new Promise((done) => setTimeout(done, 2500));
    const after = await page.evaluate(() => [document.getElementById('time').textContent, globalThis.noct.clock.time_ms(), performance.now()]);
    const speed = await page.evaluate(() => globalThis.noct.state().speed);
    const rate = (after[1] - before[1]) / (after[2] - before[2]);
    checks.that('the clock advances', before[0] !== after[0]);
    checks.that('the clock keeps the speed', Math.abs(rate / speed - 1) < 0.25, `${rate} instead of ${speed}`);
    /* A gateway hears of a satellite that started anew at its next pass: 95 minutes at the most, 19 s at 300 times real time. */
    await checks.waits('satellites show their battery', page, () => {
        const shown = [...document.querySelectorAll('#nodes .battery .bar-text')].filter((e) => e.textContent.includes('%')).length;
        return shown > 0 && shown === globalThis.noct.state().nodes.filter((n) => n.role === 'satellite' && n.r_teme_km).length;
    }, 90);
    const page_facts = await page.evaluate(() => ({
        region: document.getElementById('region').textContent,
        figures: [...document.querySelectorAll('.figure b')].map((b) => b.textContent),
        placed: globalThis.noct.globe().nodes.length,
        notice: document.getElementById('notice').hidden,
    }));
    checks.that('the header names the region', page_facts.region.length > 1, page_facts.region);
    checks.that('the figures are filled', page_facts.figures.every((t) => /^[\d/,]+$/.test(t)), page_facts.figures.join(' '));
    checks.that('every node has a place on the globe', page_facts.placed === expected, String(page_facts.placed));
    checks.that('no complaint is shown', page_facts.notice);
    await checks.waits('buckets are listed', page, () => globalThis.noct.objects.items.length > 0);
    await checks.waits('jobs were asked for', page, () => !/Asking|cannot/.test(document.querySelector('#jobs .empty').textContent));
    await page.click('#nodes tbody:not([aria-hidden]) tr:last-child');
    await checks.waits('a click on a node opens its card', page, () => !document.getElementById('detail').hidden && document.querySelectorAll('#detail-rows dd').length > 3, 10);
    await page.keyboard.press('Escape');
    await checks.waits('Escape closes the card', page, () => document.getElementById('detail').hidden, 10);
    const wanted = process.env.BUCKET || 'eo';
    const opened = await page.evaluate((name) => {
        const o = globalThis.noct.objects;
        const bucket = o.items.find((b) => b.name === name) || o.items[0];
        if (bucket)
            o.open(bucket);
        return Boolean(bucket);
    }, wanted);
    if (opened)
        await checks.waits('a bucket opens', page, () => globalThis.noct.objects.bucket && document.querySelector('#objects .empty').textContent !== 'Listing…', 15);
    await page.evaluate(async () => { // down to the objects
        const o = globalThis.noct.objects;
        for (let i = 0; i < 4 && o.items.length && o.items.every((x) => x.prefix); i++)
            await o.go(o.bucket, o.items.at(-1).name);
        document.activeElement?.blur();
    });
    await new Promise((done) => setTimeout(done, Number(process.env.WARM || 0) * 1000));
    if (png && process.env.WAIT)
        await wait_for_view(page, Number(process.env.WAIT));
    if (png) {
        await page.mouse.move(2, 2);
        await page.screenshot({ path: png });
    }
    checks.that('no errors, no foreign hosts', faults.length === 0, faults.slice(0, 8).join(' | '));
} catch (error) {
    checks.that('the test ran through', false, error.stack);
    if (png)
        await page.screenshot({ path: png }).catch(() => {});
} finally {
    await close();
}
console.log(`${checks.passed} passed, ${checks.failed} failed`);
process.exit(checks.failed ? 1 : 0);
