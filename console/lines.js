// lines.js - many lines of a given width in pixels, in one draw call: an instanced quad per segment, widened on the screen.
import * as THREE from './vendor/three.module.js';

const VERTEX = `
attribute vec3 from;
attribute vec3 to;
attribute vec4 colour;
attribute vec2 along; // where the segment begins and ends on its line, in radii of the Earth
uniform vec2 resolution;
uniform float width;
varying vec4 tint;
varying float side;
varying float travelled;
void main() {
    vec4 a = projectionMatrix * modelViewMatrix * vec4(from, 1.0);
    vec4 b = projectionMatrix * modelViewMatrix * vec4(to, 1.0);
    float near = 0.02;
    if (a.w < near && b.w < near) {
        gl_Position = vec4(2.0, 2.0, 2.0, 1.0);
        return;
    }
    if (a.w < near) a = mix(a, b, (near - a.w) / (b.w - a.w));
    if (b.w < near) b = mix(b, a, (near - b.w) / (a.w - b.w));
    vec2 direction = (b.xy / b.w - a.xy / a.w) * resolution;
    float size = length(direction);
    direction = size > 1e-4 ? direction / size : vec2(1.0, 0.0);
    vec2 normal = vec2(-direction.y, direction.x);
    vec4 p = mix(a, b, position.x);
    p.xy += normal * position.y * (width + 1.0) / resolution * p.w;
    side = position.y * (width + 1.0);
    travelled = mix(along.x, along.y, position.x);
    tint = colour;
    gl_Position = p;
}`;

const FRAGMENT = `
uniform float width;
uniform float seconds;
uniform float flow;
varying vec4 tint;
varying float side;
varying float travelled;
void main() {
    float edge = 1.0 - smoothstep(max(width - 1.0, 0.0), width + 1.0, abs(side));
    float wave = fract(travelled * 6.0 - seconds * 0.55);
    float pulse = flow * smoothstep(0.62, 0.98, wave) * (1.0 - smoothstep(0.98, 1.0, wave));
    float alpha = tint.a * edge * (1.0 - 0.22 * flow + 0.5 * pulse);
    if (alpha < 0.004) discard;
    gl_FragColor = vec4(tint.rgb + 0.35 * pulse, alpha);
}`;

export class Lines {
    constructor(parent, { width = 1.5, flow = 0, order = 1 } = {}) {
        this.width = width;
        this.count = 0;
        this.material = new THREE.ShaderMaterial({
            vertexShader: VERTEX,
            fragmentShader: FRAGMENT,
            uniforms: {
                resolution: { value: new THREE.Vector2(1, 1) },
                width: { value: width },
                seconds: { value: 0 },
                flow: { value: flow },
            },
            transparent: true,
            depthWrite: false,
            side: THREE.DoubleSide,
        });
        this.mesh = new THREE.Mesh(new THREE.InstancedBufferGeometry(), this.material);
        this.mesh.frustumCulled = false;
        this.mesh.renderOrder = order;
        this.reserve(16);
        parent.add(this.mesh);
    }

    reserve(capacity) {
        if (this.capacity >= capacity)
            return;
        this.capacity = Math.max(capacity, 2 * (this.capacity || 0));
        const old = this.mesh.geometry;
        const geometry = new THREE.InstancedBufferGeometry();
        geometry.setAttribute('position', new THREE.Float32BufferAttribute([0, -1, 0, 1, -1, 0, 1, 1, 0, 0, 1, 0], 3));
        geometry.setIndex([0, 1, 2, 0, 2, 3]);
        for (const [name, size] of [['from', 3], ['to', 3], ['colour', 4], ['along', 2]]) {
            const attribute = new THREE.InstancedBufferAttribute(new Float32Array(this.capacity * size), size);
            attribute.setUsage(THREE.DynamicDrawUsage);
            if (this[name])
                attribute.array.set(this[name].array);
            geometry.setAttribute(name, attribute);
            this[name] = attribute;
        }
        geometry.instanceCount = this.count;
        this.mesh.geometry = geometry;
        old.dispose();
    }

    clear() {
        this.count = 0;
    }

    // Numbers one by one: this runs for each link in each frame.
    add(ax, ay, az, bx, by, bz, rgb, alpha, start = 0, end = 0) {
        if (this.count === this.capacity)
            this.reserve(2 * this.capacity);
        const i = this.count++;
        const { from, to, colour, along } = this;
        from.array[3 * i] = ax;
        from.array[3 * i + 1] = ay;
        from.array[3 * i + 2] = az;
        to.array[3 * i] = bx;
        to.array[3 * i + 1] = by;
        to.array[3 * i + 2] = bz;
        colour.array[4 * i] = rgb[0];
        colour.array[4 * i + 1] = rgb[1];
        colour.array[4 * i + 2] = rgb[2];
        colour.array[4 * i + 3] = alpha;
        along.array[2 * i] = start;
        along.array[2 * i + 1] = end;
    }

    add_path(points, rgb, alpha_at) {
        let walked = 0;
        for (let i = 0; i + 1 < points.length; i++) {
            const [a, b] = [points[i], points[i + 1]];
            const step = Math.hypot(b[0] - a[0], b[1] - a[1], b[2] - a[2]);
            this.add(...a, ...b, rgb, alpha_at(i / (points.length - 1)), walked, walked + step);
            walked += step;
        }
    }

    commit() {
        this.mesh.geometry.instanceCount = this.count;
        this.mesh.visible = this.count > 0;
        for (const attribute of [this.from, this.to, this.colour, this.along]) {
            attribute.clearUpdateRanges();
            attribute.addUpdateRange(0, this.count * attribute.itemSize);
            attribute.needsUpdate = this.count > 0;
        }
    }

    resize(width, height, ratio) {
        this.material.uniforms.resolution.value.set(width, height);
        this.material.uniforms.width.value = this.width * ratio;
    }
}
