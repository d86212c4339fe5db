// browser.mjs - headless Chromium for the console's tests: software WebGL, a fresh profile, nothing but the page's own requests.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import puppeteer from 'puppeteer-core';

const FLAGS = [
    '--no-sandbox', '--use-gl=angle', '--use-angle=swiftshader', '--enable-unsafe-swiftshader', '--disable-background-networking',
    '--disable-component-update', '--disable-sync', '--no-first-run', '--disable-quic', '--disable-dev-shm-usage', '--hide-scrollbars',
];

// Opens the page at `url` and watches it: `page.faults` gathers console errors, exceptions, failed and foreign requests.
export async function open_page(url, { width = 1600, height = 1000, scale = 1, auth = process.env.NOCT_AUTH, flags = [] } = {}) {
    const profile = await mkdtemp(join(tmpdir(), 'noct-chromium-'));
    const browser = await puppeteer.launch({
        executablePath: process.env.CHROMIUM || '/usr/bin/chromium', headless: true, userDataDir: profile, args: [...FLAGS, ...flags],
        protocolTimeout: 120000,
    });
    const page = await browser.newPage();
    const faults = [];
    const host = new URL(url).host;
    page.on('console', (m) => m.type() === 'error' && faults.push(`console: ${m.text()} ${m.location()?.url || ''}`));
    page.on('pageerror', (e) => faults.push(`exception: ${e.message}`));
    page.on('request', (r) => new URL(r.url()).host !== host && faults.push(`foreign request: ${r.url().slice(0, 200)}`));
    page.on('requestfailed', (r) => !r.url().endsWith('/api/events') && faults.push(`failed: ${r.url()} ${r.failure()?.errorText}`));
    page.on('response', (r) => r.status() >= 400 && faults.push(`${r.status()}: ${r.url()}`));
    await page.setViewport({ width, height, deviceScaleFactor: scale });
    if (auth)
        await page.setExtraHTTPHeaders({ Authorization: `Basic ${Buffer.from(auth).toString('base64')}` });
    const close = async () => {
        await browser.close();
        await rm(profile, { recursive: true, force: true, maxRetries: 5 });
    };
    await page.goto(url, { waitUntil: 'domcontentloaded', timeout: 30000 });
    return { page, faults, close };
}

// Draws one frame and reads it back: how many different colours, what share of the picture is not background.
export function look_at_globe(page) {
    return page.evaluate(() => {
        const globe = globalThis.noct.globe();
        if (!globe)
            return null;
        globe.render(0);
        const gl = globe.canvas.getContext('webgl2');
        const [w, h] = [gl.drawingBufferWidth, gl.drawingBufferHeight];
        const pixels = new Uint8Array(w * h * 4);
        gl.readPixels(0, 0, w, h, gl.RGBA, gl.UNSIGNED_BYTE, pixels);
        const colours = new Set();
        let lit = 0;
        for (let i = 0; i < pixels.length; i += 4) {
            colours.add((pixels[i] >> 3) * 1024 + (pixels[i + 1] >> 3) * 32 + (pixels[i + 2] >> 3));
            lit += pixels[i] + pixels[i + 1] + pixels[i + 2] > 60 ? 1 : 0;
        }
        const textures = globe.earth.fixed.children[0].material.uniforms;
        return { colours: colours.size, lit: lit / (w * h), pictures: textures.has_day.value + textures.has_night.value };
    });
}

// Counts checks; prints what failed.
export class Checks {
    constructor() {
        this.passed = 0;
        this.failed = 0;
    }

    that(name, ok, detail = '') {
        if (ok) {
            this.passed++;
        } else {
            this.failed++;
            console.error(`--- ${name}${detail === '' ? '' : `: ${detail}`}`);
        }
    }

    async waits(name, page, condition, seconds = 30, argument = undefined) {
        const ok = await page.waitForFunction(condition, { timeout: seconds * 1000, polling: 200 }, argument).then(() => true, (e) => e.message);
        this.that(name, ok === true, ok);
    }
}
