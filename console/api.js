// api.js - what the console asks the gateway: one request at a time per resource, none faster than 1 Hz, none while hidden.

const SLOW_NODES = 300; // above this many nodes the state is read every other second

export async function get(path, parameters = {}) {
    const query = new URLSearchParams(Object.entries(parameters).filter(([, v]) => v !== undefined && v !== ''));
    const text = query.toString();
    const sent_at = performance.now();
    const answer = await fetch(`api/${path}${text ? `?${text}` : ''}`, { cache: 'no-store', signal: AbortSignal.timeout(15000) });
    if (!answer.ok) {
        const body = await answer.json().catch(() => ({}));
        const error = new Error(body.error || body.message || body.detail || `the gateway answered ${answer.status}`);
        error.status = answer.status;
        throw error;
    }
    const value = await answer.json();
    return { value, sent_at, received_at: performance.now() };
}

// Calls `work` now and then every `interval_ms()`, counted from its end; rests while the page is hidden.
export class Poll {
    constructor(work, interval_ms) {
        this.work = work;
        this.interval_ms = interval_ms;
        this.timer = 0;
        this.busy = false;
        document.addEventListener('visibilitychange', () => this.go());
        this.go();
    }

    async go() {
        clearTimeout(this.timer);
        if (document.hidden || this.busy)
            return;
        this.busy = true;
        try {
            await this.work();
        } finally {
            this.busy = false;
        }
        clearTimeout(this.timer);
        this.timer = setTimeout(() => this.go(), Math.max(1000, this.interval_ms()));
    }
}

export function state_interval(state) {
    return state && state.nodes.length > SLOW_NODES ? 2000 : 1000;
}

// The event trace as it happens. The browser reconnects by itself and names the last event it has; after a hidden
// while the console opens a new stream, which begins with what the gateway still keeps: numbers tell old from new.
export class Events {
    constructor(on_event, on_live) {
        this.on_event = on_event;
        this.on_live = on_live;
        this.last = 0;
        this.source = null;
        document.addEventListener('visibilitychange', () => (document.hidden ? this.stop() : this.start()));
        if (!document.hidden)
            this.start();
    }

    start() {
        if (this.source)
            return;
        this.source = new EventSource('api/events');
        this.source.onopen = () => this.on_live(true);
        this.source.onerror = () => {
            this.on_live(false);
            if (this.source && this.source.readyState === EventSource.CLOSED) {
                this.stop(); // refused for good (credentials, proxy): try again calmly
                this.retry = setTimeout(() => !document.hidden && this.start(), 5000);
            }
        };
        this.source.onmessage = (message) => {
            let event;
            try {
                event = JSON.parse(message.data);
            } catch {
                return;
            }
            if (event.n <= this.last)
                return;
            this.last = event.n;
            this.on_event(event);
        };
    }

    stop() {
        clearTimeout(this.retry);
        if (this.source)
            this.source.close();
        this.source = null;
    }

    // The gateway counts events from one after a restart.
    restart(last) {
        if (last < this.last) {
            this.last = 0;
            this.stop();
            this.start();
        }
    }
}
