// globe.js - the Earth, the nodes and the links between them, moved in every frame from the last state.
//
// Frame:  inertial (TEME), unit = radius of the Earth. Ground stations and cables turn with the Earth.
// Limits: one draw call for all nodes, one for all links, one for cables; labels for at most LABELS_MAX nodes.
import * as THREE from './vendor/three.module.js';
import { Camera } from './camera.js';
import { Earth } from './earth.js';
import { Labels } from './labels.js';
import { Lines } from './lines.js';
import { Points } from './points.js';
import {
    EARTH_RADIUS_KM, ellipse, ellipse_point, ellipse_position, great_circle, horizon_circle, rotate_z, sun_direction, turn_angle,
} from './orbit.js';

const ORBITS_MAX = 72; // one ring per orbital plane, up to here
const SMALL = 60; // up to here each satellite has a trail
const FADE_IN_S = 0.5;
const FADE_OUT_S = 0.9;
const FRAME_MIN_MS = 30; // 30 frames a second are enough unless somebody drags

export const LINK_COLOURS = { isl: [0.36, 0.79, 1.0], ground: [1.0, 0.71, 0.33], fibre: [0.70, 0.56, 1.0] };
const STATE_COLOURS = {
    alive: [0.55, 0.88, 1.0], gateway: [1.0, 0.74, 0.36], suspect: [0.96, 0.80, 0.30], dead: [1.0, 0.36, 0.38], shadow: [0.42, 0.60, 0.86],
};

export function link_kind(a, b) {
    if (a.role === 'gateway' && b.role === 'gateway')
        return 'fibre';
    return a.role === 'gateway' || b.role === 'gateway' ? 'ground' : 'isl';
}

function node_colour(node) {
    if (node.state === 'suspect')
        return STATE_COLOURS.suspect;
    if (node.state !== 'alive')
        return STATE_COLOURS.dead;
    if (node.role === 'gateway')
        return STATE_COLOURS.gateway;
    return node.sunlit !== undefined && node.sunlit < 0.5 ? STATE_COLOURS.shadow : STATE_COLOURS.alive;
}

export class Globe {
    constructor(place, clock, on_select, on_mode) {
        this.place = place;
        this.clock = clock;
        this.on_select = on_select;
        this.canvas = document.createElement('canvas');
        this.canvas.tabIndex = 0;
        this.canvas.setAttribute('aria-label', 'Globe: drag or use the arrow keys to turn, plus and minus to zoom');
        this.canvas.setAttribute('role', 'img');
        place.prepend(this.canvas);
        this.renderer = new THREE.WebGLRenderer({ canvas: this.canvas, antialias: true, powerPreference: 'low-power' });
        this.renderer.setClearColor(0x05080d, 1);
        this.scene = new THREE.Scene();
        this.earth = new Earth(this.scene);
        this.rings = new Lines(this.scene, { width: 0.7, order: 1 });
        this.trails = new Lines(this.scene, { width: 1.3, order: 2 });
        this.cables = new Lines(this.earth.fixed, { width: 1.5, flow: 0.5, order: 2 });
        this.links = new Lines(this.scene, { width: 1.7, flow: 1, order: 3 });
        this.points = new Points(this.scene);
        this.camera = new Camera(this.canvas, () => on_mode(this.camera.mode));
        this.labels = new Labels(place, (id) => this.on_select(id));
        this.nodes = [];
        this.by_id = new Map();
        this.edges = new Map(); // "a-b" -> how visible it is, whether it is wanted
        this.selected = null;
        this.state = null;
        this.ratio = 1;
        this.frame_ms = [];
        this.frames = 0;
        this.last_at = performance.now();
        new ResizeObserver(() => this.resize()).observe(place);
        this.resize();
        this.pick_on_click();
        requestAnimationFrame((t) => this.tick(t));
    }

    resize() {
        const width = Math.max(1, this.place.clientWidth);
        const height = Math.max(1, this.place.clientHeight);
        this.ratio = Math.min(2, globalThis.devicePixelRatio || 1);
        this.renderer.setPixelRatio(this.ratio);
        this.renderer.setSize(width, height, false);
        this.width = width;
        this.height = height;
        for (const lines of [this.rings, this.trails, this.cables, this.links])
            lines.resize(width * this.ratio, height * this.ratio, this.ratio);
        this.camera.resize(width, height);
    }

    set_state(state) {
        const old = this.by_id;
        this.state = state;
        this.by_id = new Map();
        this.nodes = [];
        for (const node of state.nodes) {
            if (!Array.isArray(node.r_teme_km) || node.r_teme_km.length !== 3)
                continue;
            const before = old.get(node.id);
            const item = {
                node,
                epoch_ms: state.unix_ms,
                fixed: null,
                orbit: null,
                at: before ? before.at : [0, 0, 0],
                colour: node_colour(node),
                event_at: before ? before.event_at : -1e9,
            };
            if (node.role === 'gateway')
                item.fixed = rotate_z(node.r_teme_km, -state.gmst_rad);
            else if (Array.isArray(node.v_teme_km_s))
                item.orbit = ellipse(node.r_teme_km, node.v_teme_km_s);
            this.by_id.set(node.id, item);
            this.nodes.push(item);
        }
        this.points.reserve(this.nodes.length);
        this.set_edges(state.links);
        this.set_rings();
    }

    set_edges(links) {
        const first = this.edges.size === 0;
        for (const edge of this.edges.values())
            edge.wanted = false;
        for (const [a, b] of links) {
            const key = `${a}-${b}`;
            const edge = this.edges.get(key);
            if (edge)
                edge.wanted = true;
            else
                this.edges.set(key, { a, b, wanted: true, shown: first ? 1 : 0 });
        }
    }

    set_rings() {
        const planes = new Map();
        for (const item of this.nodes)
            if (item.orbit && !planes.has(item.node.plane))
                planes.set(item.node.plane, item.orbit);
        this.rings.clear();
        const small = this.nodes.length <= SMALL;
        if (planes.size <= ORBITS_MAX)
            for (const orbit of planes.values())
                this.add_ring(orbit, [0.45, 0.62, 0.8], small ? 0.34 : 0.10);
        this.rings.commit();
    }

    add_ring(orbit, rgb, alpha) {
        const steps = 160;
        const points = [];
        for (let i = 0; i <= steps; i++) {
            const p = [0, 0, 0];
            ellipse_point(orbit, (i / steps) * 2 * Math.PI, p);
            points.push(p.map((x) => x / EARTH_RADIUS_KM));
        }
        this.rings.add_path(points, rgb, () => alpha);
    }

    // A node that an event is about gets a spreading ring.
    flash(name) {
        for (const item of this.nodes)
            if (item.node.name === name)
                item.event_at = performance.now();
    }

    select(id) {
        this.selected = id;
        this.camera.target = null;
        const item = this.by_id.get(id);
        if (item && this.camera.mode === 'follow' && item.at.some((x) => x))
            this.camera.centre(new THREE.Vector3(...item.at).normalize());
    }

    tick(now) {
        requestAnimationFrame((t) => this.tick(t));
        const busy = now - this.camera.moved_at < 1000;
        if (document.hidden || (!busy && now - this.last_at < FRAME_MIN_MS))
            return;
        this.render(Math.min(0.2, (now - this.last_at) / 1000));
        this.last_at = now;
    }

    render(seconds) {
        const started = performance.now();
        if (this.state && this.clock.known) {
            const time_ms = this.clock.time_ms();
            const gmst = turn_angle(this.state.gmst_rad, (time_ms - this.state.unix_ms) / 1000);
            this.earth.set(gmst, this.state.sun_teme_km || sun_direction(time_ms), this.ratio);
            this.move_nodes(time_ms, gmst);
            const first = this.camera.gmst === null;
            const target = this.follow_direction();
            if (first)
                this.first_look(target);
            this.camera.update(seconds, gmst, target);
            this.move_links(seconds);
            this.move_cables();
            this.move_trails(time_ms);
            this.move_points(started);
            this.labels.update(this);
        } else {
            this.camera.update(seconds, 0, null);
            this.camera.gmst = null;
        }
        const clock_s = (started / 1000) % 3600;
        this.links.material.uniforms.seconds.value = this.cables.material.uniforms.seconds.value = clock_s;
        this.renderer.render(this.scene, this.camera.camera);
        this.frames++;
        this.frame_ms.push(performance.now() - started);
        if (this.frame_ms.length > 120)
            this.frame_ms.shift();
    }

    move_nodes(time_ms, gmst) {
        for (const item of this.nodes) {
            const at = item.at;
            if (item.fixed) {
                const r = rotate_z(item.fixed, gmst);
                at[0] = r[0];
                at[1] = r[1];
                at[2] = r[2];
            } else if (item.orbit) {
                ellipse_position(item.orbit, (time_ms - item.epoch_ms) / 1000, at);
            } else {
                [at[0], at[1], at[2]] = item.node.r_teme_km;
            }
            const k = 1 / EARTH_RADIUS_KM;
            at[0] *= k;
            at[1] *= k;
            at[2] *= k;
            if (item.fixed) {
                const lift = 1.004 / Math.hypot(at[0], at[1], at[2]);
                at[0] *= lift;
                at[1] *= lift;
                at[2] *= lift;
            }
        }
    }

    // The selected node, or the middle of the satellites when these fly together; null for a shell all around the Earth.
    follow_direction() {
        const chosen = this.by_id.get(this.selected);
        if (chosen)
            return new THREE.Vector3(...chosen.at).normalize();
        const sum = new THREE.Vector3();
        let count = 0;
        for (const item of this.nodes) {
            if (!item.orbit)
                continue;
            sum.x += item.at[0];
            sum.y += item.at[1];
            sum.z += item.at[2];
            count++;
        }
        return count && sum.length() / count > 0.4 ? sum.normalize() : null;
    }

    // The first picture: over the satellites, turned so far towards the Sun that day and night are both in sight.
    first_look(target) {
        const sun = this.earth.sun.clone();
        const direction = target ? target.clone() : new THREE.Vector3(sun.x, sun.y, 0.35);
        direction.addScaledVector(sun, target ? 0.3 : 0).normalize();
        if (!target)
            direction.applyAxisAngle(new THREE.Vector3(0, 0, 1), 0.8);
        this.camera.look_from(direction);
    }

    move_links(seconds) {
        this.links.clear();
        for (const [key, edge] of this.edges) {
            edge.shown = edge.wanted ? Math.min(1, edge.shown + seconds / FADE_IN_S) : edge.shown - seconds / FADE_OUT_S;
            const a = this.by_id.get(edge.a);
            const b = this.by_id.get(edge.b);
            if (edge.shown <= 0 || (!edge.wanted && (!a || !b)))
                this.edges.delete(key);
            if (!a || !b || edge.shown <= 0)
                continue;
            const kind = link_kind(a.node, b.node);
            if (kind === 'fibre')
                continue;
            const p = a.at;
            const q = b.at;
            const size = Math.hypot(p[0] - q[0], p[1] - q[1], p[2] - q[2]);
            const near = this.selected === null || edge.a === this.selected || edge.b === this.selected;
            const weight = this.nodes.length > SMALL ? 0.34 : 0.85;
            const alpha = edge.shown * (near ? (this.selected === null ? weight : 1) : weight * 0.6);
            this.links.add(p[0], p[1], p[2], q[0], q[1], q[2], LINK_COLOURS[kind], alpha, 0, size);
        }
        this.links.commit();
    }

    move_cables() {
        this.cables.clear();
        for (const edge of this.edges.values()) {
            const a = this.by_id.get(edge.a);
            const b = this.by_id.get(edge.b);
            if (!a || !b || !a.fixed || !b.fixed)
                continue;
            edge.path ||= great_circle(a.fixed, b.fixed, 72, 0.006);
            this.cables.add_path(edge.path, LINK_COLOURS.fibre, () => 0.62 * edge.shown);
        }
        this.cables.commit();
    }

    // Where satellites have just been; the horizon of the selected one.
    move_trails(time_ms) {
        this.trails.clear();
        if (this.nodes.length <= SMALL)
            for (const item of this.nodes)
                if (item.orbit && item.node.state !== 'convicted')
                    this.add_trail(item, time_ms, item.node.id === this.selected ? 0.9 : 0.45);
        const chosen = this.by_id.get(this.selected);
        if (chosen && chosen.orbit) {
            if (this.nodes.length > SMALL)
                this.add_trail(chosen, time_ms, 0.9);
            const circle = horizon_circle(chosen.at.map((x) => x * EARTH_RADIUS_KM), 96, 0.003);
            if (circle)
                this.trails.add_path(circle, [0.85, 0.93, 1.0], () => 0.34);
        }
        this.trails.commit();
    }

    add_trail(item, time_ms, alpha) {
        const steps = 14;
        const span_s = (0.12 * 2 * Math.PI) / item.orbit.rate / 4;
        const points = [];
        for (let i = 0; i <= steps; i++) {
            const p = [0, 0, 0];
            ellipse_position(item.orbit, (time_ms - item.epoch_ms) / 1000 - (span_s * (steps - i)) / steps, p);
            points.push(p.map((x) => x / EARTH_RADIUS_KM));
        }
        this.trails.add_path(points, item.colour, (t) => alpha * t * t);
    }

    move_points(now) {
        const { position, look, marks } = this.points;
        const many = this.nodes.length > SMALL;
        for (let i = 0; i < this.nodes.length; i++) {
            const item = this.nodes[i];
            const gateway = item.node.role === 'gateway';
            const chosen = item.node.id === this.selected;
            const size = (many && !gateway ? 2.6 : gateway ? 5.2 : 5) + (chosen ? 1 : 0);
            position.array.set(item.at, 3 * i);
            look.array.set(item.colour, 4 * i);
            look.array[4 * i + 3] = size;
            marks.array[4 * i] = gateway ? 1 : 0;
            marks.array[4 * i + 1] = item.node.state === 'convicted' || item.node.state === 'quarantined' || item.node.state === 'left' ? 1 : 0;
            marks.array[4 * i + 2] = chosen ? 1 : 0;
            marks.array[4 * i + 3] = (now - item.event_at) / 1000;
        }
        this.points.commit(this.nodes.length, this.ratio);
    }

    // Place on the page, or null behind the Earth or outside the picture.
    project(at, scratch = new THREE.Vector3()) {
        const eye = this.camera.camera.position;
        const to = scratch.set(at[0], at[1], at[2]).sub(eye);
        const size = to.length();
        const along = -eye.dot(to) / size;
        const miss = eye.lengthSq() - along * along;
        if (miss < 0.99 && along < size)
            return null;
        scratch.set(at[0], at[1], at[2]).project(this.camera.camera);
        if (scratch.z > 1 || Math.abs(scratch.x) > 1 || Math.abs(scratch.y) > 1)
            return null;
        return [((scratch.x + 1) / 2) * this.width, ((1 - scratch.y) / 2) * this.height];
    }

    pick_on_click() {
        let down = null;
        this.canvas.addEventListener('pointerdown', (e) => (down = [e.clientX, e.clientY]));
        this.canvas.addEventListener('pointerup', (e) => {
            if (!down || Math.hypot(e.clientX - down[0], e.clientY - down[1]) > 4)
                return;
            const box = this.canvas.getBoundingClientRect();
            this.on_select(this.nearest(e.clientX - box.left, e.clientY - box.top));
        });
    }

    nearest(x, y) {
        let best = null;
        let best_distance = 16;
        for (const item of this.nodes) {
            const p = this.project(item.at);
            const d = p ? Math.hypot(p[0] - x, p[1] - y) : Infinity;
            if (d < best_distance) {
                best_distance = d;
                best = item.node.id;
            }
        }
        return best;
    }
}
