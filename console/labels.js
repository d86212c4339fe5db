// labels.js - the names of nodes over the globe: for all of them in a small region, else for ground stations and the selected one.
import { element, set_class } from './dom.js';

const LABELS_MAX = 48;
const SMALL = 40;
const HEIGHT = 16;

export class Labels {
    constructor(place, on_select) {
        this.layer = element('div', { class: 'labels', 'aria-hidden': 'true' });
        this.on_select = on_select;
        this.pool = [];
        place.append(this.layer);
    }

    label(i) {
        if (!this.pool[i]) {
            const e = element('span', { class: 'label' });
            this.layer.append(e);
            this.pool[i] = { e, name: '', shown: false, width: 0 };
        }
        return this.pool[i];
    }

    wanted(globe) {
        const small = globe.nodes.length <= SMALL;
        const list = globe.nodes.filter((n) => small || n.node.role === 'gateway' || n.node.id === globe.selected);
        // The selected one keeps its place when names would overlap.
        list.sort((a, b) => Number(b.node.id === globe.selected) - Number(a.node.id === globe.selected));
        return list.slice(0, LABELS_MAX);
    }

    update(globe) {
        const taken = [];
        let used = 0;
        for (const item of this.wanted(globe)) {
            const at = globe.project(item.at);
            if (!at)
                continue;
            const l = this.label(used);
            this.fill(l, item, globe.selected);
            const box = [at[0] + 13, at[1] - HEIGHT / 2, l.width, HEIGHT];
            if (taken.some((t) => box[0] < t[0] + t[2] && t[0] < box[0] + box[2] && box[1] < t[1] + t[3] && t[1] < box[1] + box[3]))
                continue;
            taken.push(box);
            l.e.style.transform = `translate(${box[0].toFixed(1)}px, ${box[1].toFixed(1)}px)`;
            this.show(l, true);
            used++;
        }
        for (let i = used; i < this.pool.length; i++)
            this.show(this.pool[i], false);
    }

    fill(l, item, selected) {
        if (l.name !== item.node.name) {
            l.name = item.node.name;
            l.e.textContent = item.node.name;
            l.width = l.name.length * 7 + 4; // close enough for overlaps, without asking for the layout
        }
        const dead = item.node.state !== 'alive' && item.node.state !== 'suspect';
        set_class(l.e, `label ${item.node.role}${item.node.id === selected ? ' chosen' : ''}${dead ? ' dead' : ''}`);
    }

    show(l, shown) {
        if (l.shown !== shown)
            l.e.style.visibility = shown ? 'visible' : 'hidden';
        l.shown = shown;
    }
}
