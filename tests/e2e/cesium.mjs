// cesium.mjs - loads CZML files in a real Cesium, in a real browser, and reads back where it puts satellites and which links it shows.
//   node tests/e2e/cesium.mjs CESIUM_BUILD_FOLDER RUN_FOLDER TRUTH.json [PNG]
// TRUTH.json: {"files": ["constellation.czml"], "bound_m": 60, "instants": [{"iso": ..., "links": ["link a b"], "places": [[name, x, y, z] in metres]}]}
// The last line: "N passed, M failed"; exit 1 on any failure.
import { createServer } from 'node:http';
import { readFile } from 'node:fs/promises';
import { extname, join, normalize } from 'node:path';
import { Checks, open_page } from './browser.mjs';

const [cesium, run, truth_path, png] = process.argv.slice(2);
const truth = JSON.parse(await readFile(truth_path, 'utf8'));
const types = { '.js': 'text/javascript', '.css': 'text/css', '.json': 'application/json', '.czml': 'application/json', '.html': 'text/html', '.png': 'image/png' };
const page_text = `<!doctype html><html><head><meta charset="utf-8"><link rel="stylesheet" href="/cesium/Widgets/widgets.css">
<style>html, body, #globe { height: 100%; margin: 0; }</style><script>globalThis.CESIUM_BASE_URL = '/cesium/';</script>
<script src="/cesium/Cesium.js"></script></head><body><div id="globe"></div></body></html>`;

const server = createServer(async (request, response) => {
    const path = normalize(decodeURIComponent(new URL(request.url, 'http://x').pathname));
    try {
        const body = path === '/' ? page_text : path.startsWith('/cesium/') ? await readFile(join(cesium, path.slice(8))) : await readFile(join(run, path));
        response.writeHead(200, { 'Content-Type': path === '/' ? 'text/html' : types[extname(path)] || 'application/octet-stream' });
        response.end(body);
    } catch {
        response.writeHead(path === '/favicon.ico' ? 204 : 404);
        response.end();
    }
});
await new Promise((done) => server.listen(0, '127.0.0.1', done));
const checks = new Checks();
const { page, faults, close } = await open_page(`http://127.0.0.1:${server.address().port}/`, { width: 1200, height: 800 });
try {
    await checks.waits('Cesium is there', page, () => Boolean(globalThis.Cesium), 60);
    const seen = await page.evaluate(async (t) => {
        const C = globalThis.Cesium;
        const source = new C.CzmlDataSource();
        for (const file of t.files)
            await source.process(`/${file}`);
        const out = { entities: source.entities.values.length, instants: [] };
        for (const i of t.instants) {
            const time = C.JulianDate.fromIso8601(i.iso);
            const errors = i.places.map(([name, x, y, z]) => {
                const p = source.entities.getById(name)?.position.getValueInReferenceFrame(time, C.ReferenceFrame.FIXED);
                return [name, p ? Math.hypot(p.x - x, p.y - y, p.z - z) : null];
            });
            const links = source.entities.values.filter((e) => e.polyline && e.isAvailable(time)).map((e) => e.id).sort();
            const drawn = links.length ? source.entities.getById(links[0]).polyline.positions.getValue(time)?.length : 2;
            out.instants.push({ errors, links, drawn });
        }
        globalThis.viewer = new C.Viewer('globe', { baseLayer: false, baseLayerPicker: false, geocoder: false, animation: true, timeline: true });
        globalThis.viewer.scene.globe.baseColor = C.Color.fromCssColorString('#1d3a5a');
        await globalThis.viewer.dataSources.add(source);
        globalThis.viewer.clock.currentTime = C.JulianDate.fromIso8601(t.instants[0].iso);
        globalThis.viewer.clock.shouldAnimate = false;
        return out;
    }, truth);
    checks.that('every entity is loaded', seen.entities >= truth.entities, `${seen.entities} instead of ${truth.entities}`);
    let worst = 0;
    truth.instants.forEach((wanted, i) => {
        const now = seen.instants[i];
        for (const [name, error] of now.errors) {
            worst = Math.max(worst, error ?? Infinity);
            checks.that(`${wanted.iso}: ${name} within ${truth.bound_m} m`, error !== null && error <= truth.bound_m, `${error} m`);
        }
        checks.that(`${wanted.iso}: the links that stood`, JSON.stringify(now.links) === JSON.stringify(wanted.links), `${now.links} instead of ${wanted.links}`);
        checks.that(`${wanted.iso}: a link has two ends`, now.drawn === 2, String(now.drawn));
    });
    console.log(`worst position ${worst.toFixed(1)} m from the ephemeris`);
    await new Promise((done) => setTimeout(done, 4000));
    if (png)
        await page.screenshot({ path: png });
    const real = faults.filter((f) => !/foreign request: (blob|data):/.test(f));
    checks.that('no errors, no foreign hosts', real.length === 0, real.slice(0, 6).join(' | '));
} catch (error) {
    checks.that('the test ran through', false, error.stack);
} finally {
    await close();
    server.close();
}
console.log(`${checks.passed} passed, ${checks.failed} failed`);
process.exit(checks.failed ? 1 : 0);
