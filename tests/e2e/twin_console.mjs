// twin_console.mjs - the console over a simulation: a replay with its slider and a simulation that runs, in a real browser.
//   node tests/e2e/twin_console.mjs REPLAY_URL WATCH_URL TRUTH.json [PNG_FOLDER]
// TRUTH.json, from the run's own CSV: {"nodes": 6, "instants": [{"ms": ..., "links": ["sat-1 sat-2", ...]}, {...}]}
// The last line: "N passed, M failed"; exit 1 on any failure.
import { readFile } from 'node:fs/promises';
import { Checks, look_at_globe, open_page } from './browser.mjs';

const [replay_url, watch_url, truth_path, folder] = process.argv.slice(2);
if (!truth_path) {
    console.error('usage: twin_console.mjs REPLAY_URL WATCH_URL TRUTH.json [PNG_FOLDER]');
    process.exit(2);
}
const truth = JSON.parse(await readFile(truth_path, 'utf8'));
const checks = new Checks();
const pause = (ms) => new Promise((done) => setTimeout(done, ms));

// Moves the slider as a person does and waits until the page shows that instant.
async function move_to(page, ms) {
    await page.evaluate((value) => {
        const slider = document.getElementById('twin-slider');
        slider.value = String(value);
        slider.dispatchEvent(new Event('input', { bubbles: true }));
        slider.dispatchEvent(new Event('change', { bubbles: true }));
    }, ms);
    await page.waitForFunction((value) => Math.abs(globalThis.noct.state().unix_ms - value) < 2000, { timeout: 20000 }, ms);
    await pause(1200);
}

const shown = (page) => page.evaluate(() => {
    const s = globalThis.noct.state();
    const name = new Map(s.nodes.map((n) => [n.id, n.name]));
    const globe = globalThis.noct.globe();
    return {
        links: s.links.map(([a, b]) => `${name.get(a)} ${name.get(b)}`).sort(),
        places: s.nodes.map((n) => [n.name, n.lat_deg, n.lon_deg]),
        on_globe: globe.nodes.length,
        links_drawn: Number(['isl', 'ground', 'fibre'].map((k) => document.getElementById(`legend-${k}`).textContent).reduce((x, y) => Number(x) + Number(y), 0)),
        instant: document.getElementById('twin-instant').textContent,
        clock: `${document.getElementById('date').textContent} ${document.getElementById('time').textContent}`,
        promises: document.getElementById('twin-promises').children.length,
        faults: document.getElementById('twin-faults').textContent,
    };
});

async function check_replay() {
    const { page, faults, close } = await open_page(replay_url);
    try {
        await checks.waits('the replay shows its bar', page, () => document.body.classList.contains('ready') && !document.getElementById('twin').hidden);
        await checks.waits('the globe has drawn', page, () => globalThis.noct.globe()?.frames > 5);
        await page.click('#twin-play');
        await checks.waits('it stands still when paused', page, () => globalThis.noct.state().twin.playing === false && globalThis.noct.state().speed === 0);
        const seen = [];
        for (const [i, at] of truth.instants.entries()) {
            await move_to(page, at.ms);
            const now = await shown(page);
            seen.push(now);
            checks.that(`instant ${i}: the right links`, JSON.stringify(now.links) === JSON.stringify(at.links), `${now.links} instead of ${at.links}`);
            checks.that(`instant ${i}: every node on the globe`, now.on_globe === truth.nodes, String(now.on_globe));
            checks.that(`instant ${i}: as many links in the legend`, now.links_drawn === at.links.length, String(now.links_drawn));
            for (const [name, lat, lon] of at.places) {
                const there = now.places.find((p) => p[0] === name);
                checks.that(`instant ${i}: ${name} is where its ephemeris says`, there && Math.hypot(there[1] - lat, (there[2] - lon) * Math.cos(lat * Math.PI / 180)) < 0.2, `${there} instead of ${lat} ${lon}`);
            }
            const wanted = new Date(at.ms).toISOString().slice(0, 16).replace('T', ' ');
            checks.that(`instant ${i}: the bar and the clock say it`, now.instant.startsWith(wanted) && now.clock.startsWith(wanted), `${now.instant} ${now.clock}`);
            const picture = await look_at_globe(page);
            checks.that(`instant ${i}: the globe is no plain area`, picture && picture.colours > 60, JSON.stringify(picture));
            if (folder)
                await page.screenshot({ path: `${folder}/replay-${i}.png` });
        }
        checks.that('the two instants differ', JSON.stringify(seen[0].places) !== JSON.stringify(seen[1].places));
        checks.that('promises and faults are shown', seen[1].promises >= 5 && /\d+ of \d+ faults/.test(seen[1].faults), seen[1].faults);
        await checks.waits('events are listed', page, () => document.querySelectorAll('#events tbody:not([aria-hidden]) tr:not([hidden])').length > 0);
        await checks.waits('objects are listed', page, () => globalThis.noct.objects.items.length > 0);
        await move_to(page, truth.instants[0].ms);
        checks.that('back is the same as before', JSON.stringify((await shown(page)).links) === JSON.stringify(truth.instants[0].links));
        await page.click('#twin-play');
        const from = await page.evaluate(() => globalThis.noct.state().unix_ms);
        await pause(3000);
        const to = await page.evaluate(() => globalThis.noct.state().unix_ms);
        checks.that('it plays on', to - from > 60000, String(to - from));
        checks.that('replay: no errors, no foreign hosts', faults.length === 0, faults.slice(0, 8).join(' | '));
    } catch (error) {
        checks.that('the replay test ran through', false, error.stack);
    } finally {
        await close();
    }
}

async function check_watch() {
    const { page, faults, close } = await open_page(watch_url);
    try {
        await checks.waits('the simulation is shown', page, () => document.body.classList.contains('ready') && globalThis.noct.state().twin?.mode === 'watch');
        await checks.waits('links stand', page, () => globalThis.noct.state().links.length >= 4, 60);
        await checks.waits('batteries are known', page, () => [...document.querySelectorAll('#nodes .battery .bar-text')].filter((e) => e.textContent.includes('%')).length >= 4, 60);
        await page.select('#twin-speed', '300');
        await checks.waits('the speed changes', page, () => globalThis.noct.state().twin.speed === 300);
        const from = await page.evaluate(() => [globalThis.noct.state().unix_ms, performance.now()]);
        await pause(5000);
        const to = await page.evaluate(() => [globalThis.noct.state().unix_ms, performance.now()]);
        const rate = (to[0] - from[0]) / (to[1] - from[1]);
        checks.that('it runs at about that speed', rate > 180 && rate < 420, String(rate));
        await page.click('#twin-play');
        await checks.waits('it pauses', page, () => globalThis.noct.state().twin.playing === false);
        const end = await page.evaluate(() => globalThis.noct.state().twin.end_ms);
        await pause(3000);
        const later = await page.evaluate(() => globalThis.noct.state().twin.end_ms);
        checks.that('the simulation itself stands still', later - end < 5000, String(later - end));
        await page.click('#twin-play');
        await checks.waits('it goes on', page, (was) => globalThis.noct.state().twin.end_ms > was + 30000, 30, later);
        if (folder)
            await page.screenshot({ path: `${folder}/watch.png` });
        checks.that('watch: no errors, no foreign hosts', faults.length === 0, faults.slice(0, 8).join(' | '));
    } catch (error) {
        checks.that('the watch test ran through', false, error.stack);
    } finally {
        await close();
    }
}

await check_replay();
await check_watch();
console.log(`${checks.passed} passed, ${checks.failed} failed`);
process.exit(checks.failed ? 1 : 0);
