// clock.js - the scenario's clock between two updates: never jumps for the jitter of the network, only for a real change.

const JUMP_REAL_S = 2; // an error above this much real time is a new clock, not jitter
const SLEW = 0.15;

export class Clock {
    constructor(now = () => performance.now()) {
        this.now = now;
        this.known = false;
        this.speed = 1;
        this.base_ms = 0; // scenario time ...
        this.base_at = 0; // ... at this machine time
    }

    time_ms() {
        return this.base_ms + (this.now() - this.base_at) * this.speed;
    }

    // `sent_at` and `received_at` are machine times around the request: the answer was true halfway.
    set(unix_ms, speed, sent_at, received_at) {
        const half = (received_at - sent_at) / 2;
        const server = unix_ms + (half + this.now() - received_at) * speed;
        const mine = this.time_ms();
        const error = server - mine;
        const jump = !this.known || speed !== this.speed || Math.abs(error) > JUMP_REAL_S * 1000 * speed;
        this.base_at = this.now();
        this.base_ms = jump ? server : mine + error * SLEW;
        this.speed = speed;
        this.known = true;
    }
}
