// console_scale.mjs - the console with 1,000 satellites and about 2,000 links: does it stay light?
//   node tests/e2e/console_scale.mjs [PNG]
// Prints a JSON line with the figures and "N passed, M failed". Script time is measured in the page and leaves out the drawing
// itself, which software WebGL does in the same process; the limits are those of a 60 Hz page with time to spare.
import { Checks, open_page } from './browser.mjs';
import { FakeRegion, serve } from './fake_gateway.mjs';

const SATELLITES = 1000;
const FRAME_SCRIPT_MS = 8;

const checks = new Checks();
const region = new FakeRegion({ satellites: SATELLITES });
const server = await serve(region);
const { page, faults, close } = await open_page(`http://127.0.0.1:${server.address().port}/console/`);
try {
    await checks.waits('the state arrives and frames are drawn', page, () => document.body.classList.contains('ready') && globalThis.noct.globe()?.frames > 3, 60);
    const seen = await page.evaluate(() => {
        const globe = globalThis.noct.globe();
        const draw = globe.renderer.render.bind(globe.renderer);
        globe.renderer.render = () => {}; // the page's own work only
        const times = [];
        for (let i = 0; i < 60; i++) {
            const from = performance.now();
            globe.render(0.016);
            times.push(performance.now() - from);
        }
        globe.renderer.render = draw;
        globe.render(0.016);
        const state_from = performance.now();
        globe.set_state(globalThis.noct.state());
        globalThis.noct.nodes.set(globalThis.noct.state());
        times.sort((a, b) => a - b);
        return {
            nodes: globe.nodes.length, links: globalThis.noct.state().links.length, lines: globe.links.count, calls: globe.renderer.info.render.calls,
            script_ms_median: times[30], script_ms_p95: times[56], state_ms: performance.now() - state_from,
            rows: document.querySelectorAll('#nodes tbody:not([aria-hidden]) tr').length, labels: document.querySelectorAll('.label').length,
        };
    });
    checks.that('all nodes are on the globe', seen.nodes === SATELLITES + 2, String(seen.nodes));
    checks.that('about two thousand links', seen.links >= 1900, String(seen.links));
    checks.that('all links are drawn', seen.lines >= 1900, String(seen.lines));
    checks.that('a handful of draw calls', seen.calls <= 9, String(seen.calls));
    checks.that(`script time per frame below ${FRAME_SCRIPT_MS} ms`, seen.script_ms_median < FRAME_SCRIPT_MS, String(seen.script_ms_median));
    checks.that('a new state is taken in below 50 ms', seen.state_ms < 50, String(seen.state_ms));
    checks.that('the table draws only rows in sight', seen.rows > 5 && seen.rows < 60, String(seen.rows));
    await page.type('#node-filter', 'sat-777');
    await checks.waits('the filter finds one satellite', page, () => document.querySelectorAll('#nodes tbody:not([aria-hidden]) tr:not([hidden])').length === 1, 10);
    await page.evaluate(() => globalThis.noct.select(777));
    await checks.waits('its card opens', page, () => document.getElementById('detail-name').textContent === 'sat-777', 10);
    if (process.argv[2]) {
        await new Promise((done) => setTimeout(done, 2500));
        await page.screenshot({ path: process.argv[2] });
    }
    checks.that('no errors, no foreign hosts', faults.length === 0, faults.slice(0, 8).join(' | '));
    const rounded = Object.fromEntries(Object.entries(seen).map(([k, v]) => [k, Math.round(v * 100) / 100]));
    console.log(JSON.stringify({ name: 'console_scale', ...rounded }));
} catch (error) {
    checks.that('the test ran through', false, error.stack);
} finally {
    await close();
    server.closeAllConnections();
    server.close();
}
console.log(`${checks.passed} passed, ${checks.failed} failed`);
process.exit(checks.failed ? 1 : 0);
