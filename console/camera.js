// camera.js - how a person moves around the Earth: drag, wheel, keys; and what the camera moves with by itself.
//
// Modes:  sky     stands still among the stars: the Earth turns below, orbits keep their place
//         earth   turns with the Earth: ground stations keep their place
//         follow  moves with the selected node, or with the satellites where these fly together
import * as THREE from './vendor/three.module.js';

const DISTANCE_MIN = 1.35;
const DISTANCE_MAX = 12;
const Z = new THREE.Vector3(0, 0, 1);
const FIELD_OF_VIEW_DEG = 32;

export class Camera {
    constructor(canvas, on_change) {
        this.camera = new THREE.PerspectiveCamera(FIELD_OF_VIEW_DEG, 1, 0.02, 100);
        this.canvas = canvas;
        this.on_change = on_change;
        this.mode = 'follow';
        this.turn = new THREE.Quaternion();
        this.distance = this.distance_goal = 4.4;
        this.goal = null; // a quaternion to swing to
        this.moved_at = 0;
        this.gmst = null;
        this.target = null; // unit vector followed in the last frame
        this.look_from(new THREE.Vector3(1, 0.3, 0.45));
        this.listen();
    }

    // Stands above `direction`, north up, at once or in a swing.
    look_from(direction, swing = false) {
        const back = direction.clone().normalize();
        const right = new THREE.Vector3().crossVectors(Z, back);
        if (right.lengthSq() < 1e-6)
            right.set(0, 1, 0);
        right.normalize();
        const up = new THREE.Vector3().crossVectors(back, right);
        const q = new THREE.Quaternion().setFromRotationMatrix(new THREE.Matrix4().makeBasis(right, up, back));
        if (swing)
            this.goal = q;
        else
            this.turn.copy(q);
    }

    back() {
        return new THREE.Vector3(0, 0, 1).applyQuaternion(this.turn);
    }

    set_mode(mode) {
        this.mode = mode;
        this.target = null;
        if (mode !== 'follow')
            this.look_from(this.back(), true);
        this.on_change();
    }

    // Puts the followed point a little off the middle, so that its height above the ground shows.
    centre(direction) {
        const back = this.back();
        const axis = new THREE.Vector3().crossVectors(direction, back);
        if (axis.lengthSq() < 1e-6)
            axis.set(1, 0, 0).applyQuaternion(this.turn);
        const wanted = direction.clone().applyAxisAngle(axis.normalize(), 0.3);
        const swing = new THREE.Quaternion().setFromUnitVectors(back, wanted.normalize());
        this.goal = swing.multiply(this.turn.clone());
    }

    drag(dx, dy) {
        const height = this.canvas.clientHeight || 1;
        const k = Math.min(0.008, (2 * Math.tan((FIELD_OF_VIEW_DEG * Math.PI) / 360) * (this.distance - 1) * 1.15) / height);
        const level = this.mode !== 'follow';
        const up = level ? Z.clone() : new THREE.Vector3(0, 1, 0).applyQuaternion(this.turn);
        const right = new THREE.Vector3(1, 0, 0).applyQuaternion(this.turn);
        this.goal = null;
        this.turn.premultiply(new THREE.Quaternion().setFromAxisAngle(up, -dx * k));
        const before = this.turn.clone();
        this.turn.premultiply(new THREE.Quaternion().setFromAxisAngle(right, -dy * k));
        const top = new THREE.Vector3(0, 1, 0).applyQuaternion(this.turn);
        if (level && top.z < 0.02)
            this.turn.copy(before); // not over the pole
        this.moved_at = performance.now();
    }

    zoom(factor) {
        this.distance_goal = Math.min(DISTANCE_MAX, Math.max(DISTANCE_MIN, 1 + (this.distance_goal - 1) * factor));
        this.moved_at = performance.now();
    }

    listen() {
        const c = this.canvas;
        const fingers = new Map();
        let spread = 0;
        c.addEventListener('pointerdown', (e) => {
            c.setPointerCapture(e.pointerId);
            fingers.set(e.pointerId, [e.clientX, e.clientY]);
            spread = 0;
        });
        c.addEventListener('pointermove', (e) => {
            const last = fingers.get(e.pointerId);
            if (!last)
                return;
            fingers.set(e.pointerId, [e.clientX, e.clientY]);
            if (fingers.size === 1) {
                this.drag(e.clientX - last[0], e.clientY - last[1]);
            } else if (fingers.size === 2) {
                const [p, q] = [...fingers.values()];
                const now = Math.hypot(p[0] - q[0], p[1] - q[1]);
                if (spread > 0 && now > 0)
                    this.zoom(spread / now);
                spread = now;
            }
        });
        for (const name of ['pointerup', 'pointercancel'])
            c.addEventListener(name, (e) => fingers.delete(e.pointerId));
        c.addEventListener('wheel', (e) => {
            e.preventDefault();
            this.zoom(Math.exp(Math.max(-120, Math.min(120, e.deltaY)) * 0.0022));
        }, { passive: false });
        c.addEventListener('keydown', (e) => this.key(e));
    }

    key(e) {
        const moves = { ArrowLeft: [40, 0], ArrowRight: [-40, 0], ArrowUp: [0, 40], ArrowDown: [0, -40] };
        if (moves[e.key])
            this.drag(...moves[e.key]);
        else if (e.key === '+' || e.key === '=')
            this.zoom(0.8);
        else if (e.key === '-')
            this.zoom(1.25);
        else
            return;
        e.preventDefault();
    }

    // `target`: direction to follow, or null. Called once per frame.
    update(seconds, gmst, target) {
        if (this.mode === 'earth' && this.gmst !== null)
            this.carry(new THREE.Quaternion().setFromAxisAngle(Z, gmst - this.gmst));
        this.gmst = gmst;
        if (this.mode === 'follow' && target) {
            if (this.target && this.target.dot(target) > 0.5)
                this.carry(new THREE.Quaternion().setFromUnitVectors(this.target, target));
            else if (this.target)
                this.centre(target); // it is elsewhere: somebody moved the time line
            this.target = target.clone();
            this.level(seconds);
        } else {
            this.target = null;
        }
        if (this.goal) {
            this.turn.slerp(this.goal, 1 - Math.exp(-seconds * 4.5));
            if (this.turn.angleTo(this.goal) < 0.002)
                this.goal = null;
        }
        this.distance += (this.distance_goal - this.distance) * (1 - Math.exp(-seconds * 9));
        this.turn.normalize();
        this.camera.quaternion.copy(this.turn);
        this.camera.position.copy(this.back()).multiplyScalar(this.distance);
        this.camera.updateMatrixWorld();
    }

    // Following keeps no up: roll slowly towards north up, except near the poles, where north turns too fast to follow.
    level(seconds) {
        const back = this.back();
        const flat = Math.hypot(back.x, back.y);
        if (flat < 0.4 || this.goal || performance.now() - this.moved_at < 4000)
            return;
        const right = new THREE.Vector3(1, 0, 0).applyQuaternion(this.turn);
        const top = new THREE.Vector3(0, 1, 0).applyQuaternion(this.turn);
        const roll = Math.atan2(-right.z, top.z);
        const most = seconds * 1.1 * (flat - 0.4);
        this.turn.premultiply(new THREE.Quaternion().setFromAxisAngle(back, Math.max(-most, Math.min(most, roll))));
    }

    carry(rotation) {
        this.turn.premultiply(rotation);
        if (this.goal)
            this.goal.premultiply(rotation);
    }

    resize(width, height) {
        this.camera.aspect = width / height;
        // The whole Earth fits into the narrower side.
        this.camera.fov = width >= height ? FIELD_OF_VIEW_DEG
            : (2 * Math.atan(Math.tan((FIELD_OF_VIEW_DEG * Math.PI) / 360) * Math.min(2.2, height / width)) * 180) / Math.PI;
        this.camera.updateProjectionMatrix();
    }
}
