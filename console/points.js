// points.js - every node as one point, in one draw call: disc for satellites, diamond for ground stations, hollow when
// convicted; an outer ring marks the selected one, a spreading ring an event.
import * as THREE from './vendor/three.module.js';

const VERTEX = `
attribute vec4 look;   // red, green, blue, size in pixels
attribute vec4 marks;  // shape (0 disc, 1 diamond), hollow, selected, age of the last event in seconds
uniform float ratio;
varying vec4 tint;
varying vec4 mark;
varying float half_size;
void main() {
    tint = look;
    mark = marks;
    gl_Position = projectionMatrix * modelViewMatrix * vec4(position, 1.0);
    half_size = look.a * 3.6;
    gl_PointSize = 2.0 * half_size * ratio;
}`;

const FRAGMENT = `
varying vec4 tint;
varying vec4 mark;
varying float half_size;
float ring(float d, float radius, float width) {
    return 1.0 - smoothstep(width * 0.5, width * 0.5 + 1.0, abs(d - radius));
}
void main() {
    vec2 p = (gl_PointCoord - 0.5) * 2.0 * half_size;
    float round_distance = length(p);
    float d = mix(round_distance, (abs(p.x) + abs(p.y)) * 0.82, mark.x);
    float size = tint.a;
    float body = 1.0 - smoothstep(size - 1.0, size + 0.4, d);
    float hollow = body * smoothstep(size - 3.0, size - 1.8, d);
    float core = mix(body, hollow, mark.y);
    float halo = exp(-round_distance * round_distance / (size * size * 2.6)) * 0.42 * (1.0 - mark.y);
    float chosen = mark.z * ring(round_distance, size * 2.1, 1.2);
    float age = clamp(mark.w / 1.6, 0.0, 1.0);
    float wave = (1.0 - age) * (1.0 - age) * ring(round_distance, size * (1.0 + 2.4 * age), 1.4);
    float inner = 1.0 - smoothstep(0.0, size * 0.75, d);
    vec3 colour = mix(tint.rgb, vec3(1.0), inner * 0.75 * (1.0 - mark.y));
    float alpha = max(max(core, halo), max(chosen * 0.95, wave * 0.8));
    if (alpha < 0.01) discard;
    gl_FragColor = vec4(mix(colour, vec3(1.0), chosen * 0.6), alpha);
}`;

export class Points {
    constructor(scene) {
        this.material = new THREE.ShaderMaterial({
            vertexShader: VERTEX,
            fragmentShader: FRAGMENT,
            uniforms: { ratio: { value: 1 } },
            transparent: true,
            depthWrite: false,
        });
        this.points = new THREE.Points(new THREE.BufferGeometry(), this.material);
        this.points.frustumCulled = false;
        this.points.renderOrder = 5;
        this.capacity = 0;
        this.reserve(16);
        scene.add(this.points);
    }

    reserve(count) {
        if (count <= this.capacity)
            return;
        this.capacity = Math.max(count, 2 * this.capacity);
        const geometry = new THREE.BufferGeometry();
        this.position = new THREE.BufferAttribute(new Float32Array(this.capacity * 3), 3);
        this.look = new THREE.BufferAttribute(new Float32Array(this.capacity * 4), 4);
        this.marks = new THREE.BufferAttribute(new Float32Array(this.capacity * 4), 4);
        geometry.setAttribute('position', this.position);
        geometry.setAttribute('look', this.look);
        geometry.setAttribute('marks', this.marks);
        this.points.geometry.dispose();
        this.points.geometry = geometry;
    }

    commit(count, ratio) {
        this.points.geometry.setDrawRange(0, count);
        this.position.needsUpdate = this.look.needsUpdate = this.marks.needsUpdate = true;
        this.material.uniforms.ratio.value = ratio;
    }
}
