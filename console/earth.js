// earth.js - the Earth with day and night by the real Sun, its air, and the sky behind it.
import * as THREE from './vendor/three.module.js';
import { EARTH_FLATTENING } from './orbit.js';

const EARTH_VERTEX = `
varying vec2 at;
varying vec3 normal_world;
varying vec3 position_world;
void main() {
    at = uv;
    vec4 world = modelMatrix * vec4(position, 1.0);
    position_world = world.xyz;
    normal_world = normalize(mat3(modelMatrix) * normal);
    gl_Position = projectionMatrix * viewMatrix * world;
}`;

const EARTH_FRAGMENT = `
uniform sampler2D day;
uniform sampler2D night;
uniform float has_day;
uniform float has_night;
uniform vec3 sun;
varying vec2 at;
varying vec3 normal_world;
varying vec3 position_world;

float grid(float value) {
    float width = fwidth(value);
    float line = abs(fract(value - 0.5) - 0.5) / max(width, 1e-6);
    return (1.0 - smoothstep(0.0, 1.1, line)) * (1.0 - smoothstep(0.05, 0.3, width));
}

void main() {
    vec3 n = normalize(normal_world);
    vec3 eye = normalize(cameraPosition - position_world);
    float height = dot(n, sun);
    float lit = smoothstep(-0.07, 0.16, height);

    vec3 land = mix(vec3(0.018, 0.045, 0.085), texture2D(day, at).rgb, has_day);
    float grey = dot(land, vec3(0.2126, 0.7152, 0.0722));
    land = mix(vec3(grey), land, 0.88) / (1.0 + 1.25 * grey); // ice and cloud must not outshine what flies above
    land = mix(land, vec3(0.010, 0.034, 0.085), 0.55 * has_day * (1.0 - smoothstep(0.015, 0.06, grey)));
    vec3 by_day = land * (0.26 + 0.86 * clamp(height, 0.0, 1.0));
    vec3 middle = normalize(sun + eye);
    float water = has_day * (1.0 - smoothstep(0.02, 0.09, grey));
    by_day += water * vec3(0.55, 0.75, 1.0) * pow(max(dot(n, middle), 0.0), 14.0) * 0.055;

    vec3 lamps = texture2D(night, at).rgb * has_night;
    lamps *= smoothstep(0.01, 0.28, lamps.r);
    vec3 by_night = land * vec3(0.070, 0.092, 0.135) + vec3(0.0022, 0.0042, 0.0088) + lamps * vec3(1.25, 0.95, 0.58) * 0.85;

    vec3 colour = mix(by_night, by_day, lit);
    colour += vec3(0.16, 0.055, 0.02) * land * exp(-pow((height - 0.02) / 0.07, 2.0)) * 1.2;

    float lines = max(grid(at.x * 24.0), grid(at.y * 12.0));
    colour += lines * mix(0.05, mix(0.008, 0.022, lit), has_day) * vec3(0.55, 0.8, 1.0);

    float rim = pow(1.0 - max(dot(n, eye), 0.0), 3.2);
    colour += rim * mix(vec3(0.006, 0.014, 0.035), vec3(0.16, 0.36, 0.72), smoothstep(-0.25, 0.45, height));
    gl_FragColor = vec4(colour, 1.0);
    #include <colorspace_fragment>
}`;

const AIR_FRAGMENT = `
uniform vec3 sun;
varying vec3 normal_world;
varying vec3 position_world;
void main() {
    vec3 n = normalize(normal_world);
    vec3 eye = normalize(cameraPosition - position_world);
    float edge = clamp(-dot(n, eye), 0.0, 1.0);
    float lit = smoothstep(-0.35, 0.5, dot(n, sun));
    float glow = pow(edge, 3.4) * 1.5;
    gl_FragColor = vec4(mix(vec3(0.02, 0.045, 0.1), vec3(0.20, 0.48, 0.95), lit) * glow, glow);
    #include <colorspace_fragment>
}`;

const STAR_VERTEX = `
attribute float brightness;
varying float shine;
uniform float ratio;
void main() {
    shine = brightness;
    vec4 p = projectionMatrix * mat4(mat3(viewMatrix)) * vec4(position, 1.0);
    gl_Position = p.xyww;
    gl_PointSize = ratio * (1.2 + 1.3 * brightness);
}`;

const STAR_FRAGMENT = `
varying float shine;
void main() {
    float d = length(gl_PointCoord - 0.5) * 2.0;
    gl_FragColor = vec4(vec3(0.72, 0.82, 1.0), (1.0 - smoothstep(0.3, 1.0, d)) * (0.22 + 0.70 * shine));
}`;

function load(material, name, url) {
    new THREE.TextureLoader().load(
        url,
        (texture) => {
            texture.colorSpace = THREE.SRGBColorSpace;
            texture.anisotropy = 8;
            texture.wrapS = THREE.RepeatWrapping;
            material.uniforms[name].value = texture;
            material.uniforms[`has_${name}`].value = 1;
        },
        undefined,
        () => {}, // without the picture there is the graticule
    );
}

// A made-up sky: the same on every visit.
function stars(count) {
    let seed = 12345;
    const random = () => (seed = (seed * 16807) % 2147483647) / 2147483647;
    const positions = new Float32Array(count * 3);
    const brightness = new Float32Array(count);
    for (let i = 0; i < count; i++) {
        const z = 2 * random() - 1;
        const angle = 2 * Math.PI * random();
        const flat = Math.sqrt(1 - z * z);
        positions.set([flat * Math.cos(angle) * 30, flat * Math.sin(angle) * 30, z * 30], i * 3);
        brightness[i] = random() ** 3;
    }
    const geometry = new THREE.BufferGeometry();
    geometry.setAttribute('position', new THREE.BufferAttribute(positions, 3));
    geometry.setAttribute('brightness', new THREE.BufferAttribute(brightness, 1));
    const material = new THREE.ShaderMaterial({
        vertexShader: STAR_VERTEX,
        fragmentShader: STAR_FRAGMENT,
        uniforms: { ratio: { value: 1 } },
        transparent: true,
        depthWrite: false,
    });
    const points = new THREE.Points(geometry, material);
    points.frustumCulled = false;
    points.renderOrder = -2;
    return points;
}

export class Earth {
    constructor(scene) {
        const sphere = new THREE.SphereGeometry(1, 128, 96);
        sphere.rotateX(Math.PI / 2); // three.js has the pole at y; Earth-fixed axes have it at z, longitude 0 at x
        const sun = { value: new THREE.Vector3(1, 0, 0) };
        this.sun = sun.value;
        const ground = new THREE.ShaderMaterial({
            vertexShader: EARTH_VERTEX,
            fragmentShader: EARTH_FRAGMENT,
            uniforms: { day: { value: null }, night: { value: null }, has_day: { value: 0 }, has_night: { value: 0 }, sun },
        });
        load(ground, 'day', 'earth.jpg');
        load(ground, 'night', 'night.jpg');
        const air = new THREE.ShaderMaterial({
            vertexShader: EARTH_VERTEX,
            fragmentShader: AIR_FRAGMENT,
            uniforms: { sun },
            side: THREE.BackSide,
            transparent: true,
            depthWrite: false,
            blending: THREE.AdditiveBlending,
        });
        this.fixed = new THREE.Group(); // turns with the Earth
        const mesh = new THREE.Mesh(sphere, ground);
        mesh.scale.z = 1 - EARTH_FLATTENING;
        this.fixed.add(mesh);
        const halo = new THREE.Mesh(new THREE.SphereGeometry(1.045, 96, 64), air);
        halo.renderOrder = -1;
        this.stars = stars(2600);
        scene.add(this.stars, halo, this.fixed);
    }

    set(gmst, sun, ratio) {
        this.fixed.rotation.z = gmst;
        this.sun.set(sun[0], sun[1], sun[2]).normalize();
        this.stars.material.uniforms.ratio.value = ratio;
    }
}
