// panel_twin.js - over a simulation: the time line, its speed, the promises so far, the faults that act.
import { $, count_text, element, set_class, set_text } from './dom.js';

export class TwinPanel {
    // `reload` reads the state anew, at once.
    constructor(reload) {
        this.reload = reload;
        this.held = false; // somebody drags the slider
        this.state = null;
        const slider = $('twin-slider');
        slider.addEventListener('input', () => {
            this.held = true;
            this.show_instant(Number(slider.value));
        });
        slider.addEventListener('change', () => this.tell({ at_ms: slider.value }).finally(() => { this.held = false; }));
        $('twin-play').addEventListener('click', () => this.tell({ playing: !this.state?.playing }));
        $('twin-edge').addEventListener('click', () => this.tell({ edge: true, playing: true }));
        $('twin-speed').addEventListener('change', (e) => this.tell({ speed: e.target.value }));
    }

    async tell(what) {
        const answer = await fetch(`api/twin?${new URLSearchParams(what)}`, { method: 'POST', cache: 'no-store' });
        if (answer.ok)
            this.set(await answer.json());
        return this.reload();
    }

    show_instant(ms) {
        const s = this.state;
        set_text($('twin-instant'), `${new Date(ms).toISOString().slice(0, 19).replace('T', ' ')} UTC`);
        $('twin-slider').setAttribute('aria-valuetext', new Date(ms).toISOString());
        set_text($('twin-into'), s ? `+${((ms - s.start_ms) / 3600000).toFixed(2)} h` : '');
    }

    // `twin` is what the state says of the simulation; absent over a real region: the panel stays away.
    set(twin) {
        $('twin').hidden = !twin;
        document.body.classList.toggle('over-twin', Boolean(twin));
        if (!twin)
            return;
        this.state = twin;
        const slider = $('twin-slider');
        slider.min = twin.start_ms;
        slider.max = twin.end_ms;
        slider.step = 1000;
        if (!this.held) {
            slider.value = twin.at_ms;
            this.show_instant(twin.at_ms);
        }
        set_text($('twin-mode'), `${twin.mode === 'watch' ? 'simulation' : 'replay'}, seed ${twin.seed}`);
        set_text($('twin-play'), twin.playing ? 'Pause' : 'Play');
        $('twin-edge').hidden = !twin.growing;
        $('twin-edge').setAttribute('aria-pressed', String(twin.at_edge));
        if (document.activeElement !== $('twin-speed'))
            this.set_speed(twin.speed);
        this.set_promises(twin.promises);
        this.set_faults(twin);
    }

    set_speed(speed) {
        const select = $('twin-speed');
        if (![...select.options].some((o) => Number(o.value) === speed))
            select.append(element('option', { value: String(speed), text: `×${count_text(speed)}` }));
        select.value = [...select.options].find((o) => Number(o.value) === speed).value;
    }

    set_promises(promises) {
        const box = $('twin-promises');
        while (box.children.length < promises.length)
            box.append(element('li', { class: 'promise' }));
        promises.forEach((p, i) => {
            const e = box.children[i];
            set_text(e, `${p.id} ${p.violations ? `${count_text(p.violations)} broken` : p.evaluated ? '✓' : '–'}`);
            set_class(e, `promise ${p.violations ? 'bad' : p.evaluated ? 'good' : 'off'}`);
            e.title = `${p.text}: evaluated ${count_text(p.evaluated)} times, ${count_text(p.violations)} violations`;
        });
    }

    set_faults(twin) {
        const active = twin.faults.filter((f) => f.active);
        set_text($('twin-faults'), `${count_text(twin.faults_past)} of ${count_text(twin.faults_planned)} faults${active.length ? '; now: ' : ''}${active.map((f) => f.text.replace(/ draw=\d+$/, '')).join(' · ')}`);
        set_class($('twin-faults'), active.length ? 'active' : 'dim');
    }
}
