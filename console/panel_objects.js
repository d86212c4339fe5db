// panel_objects.js - buckets, prefixes, objects; how many copies there are, and where.
import { $, bytes_text, element, set_class, set_text, time_text } from './dom.js';
import { get, Poll } from './api.js';
import { Table } from './table.js';

const DELIMITER = '/';

function copies_kind(o) {
    return o.copies_now >= o.copies ? 'good' : o.copies_now > 0 ? 'warn' : 'bad';
}

export class ObjectsPanel {
    constructor(clock_text) {
        this.clock_text = clock_text;
        this.bucket = '';
        this.prefix = '';
        this.after = []; // the starts of the pages before this one
        this.truncated = false;
        this.items = [];
        this.turn = 0;
        this.table = new Table($('objects'), {
            label: 'Objects',
            columns: [
                { title: 'Name', class: 'name', make: () => element('span'), fill: (c, o) => this.fill_name(c, o) },
                { title: 'Size', class: 'number', fill: (c, o) => set_text(c, this.bucket && !o.prefix ? bytes_text(o.size) : '') },
                { title: 'Copies', class: 'copies', make: () => element('span'), fill: (c, o) => this.fill_copies(c, o) },
                { title: 'Changed', class: 'when', fill: (c, o) => set_text(c, o.prefix ? '' : time_text(o.modified, clock_text())) },
            ],
            key: (o) => o.name,
            on_open: (o) => this.open(o),
        });
        $('objects-back').addEventListener('click', () => this.page(-1));
        $('objects-more').addEventListener('click', () => this.page(1));
        this.crumbs();
        this.poll = new Poll(() => this.load(), () => 4000);
    }

    fill_name(cell, o) {
        const text = this.bucket ? o.name.slice(this.prefix.length) || o.name : o.name;
        set_text(cell.inner, text);
        set_class(cell.inner, this.bucket ? (o.prefix ? 'folder' : 'object') : 'bucket');
        cell.title = o.name;
    }

    fill_copies(cell, o) {
        if (o.prefix || o.copies === undefined) { // a twin does not tell how many copies an object has
            set_text(cell.inner, '');
            set_class(cell.inner, '');
        } else if (!this.bucket) {
            set_text(cell.inner, `${o.copies} ${o.place === 'orbit' ? 'in orbit' : 'anywhere'}`);
            set_class(cell.inner, 'dim');
        } else {
            set_text(cell.inner, `${o.copies_now} of ${o.copies}`);
            set_class(cell.inner, `dot ${copies_kind(o)}`);
        }
    }

    async load() {
        const turn = ++this.turn;
        try {
            const { value } = this.bucket
                ? await get('objects', { bucket: this.bucket, prefix: this.prefix, delimiter: DELIMITER, after: this.after.at(-1) })
                : await get('objects');
            if (turn !== this.turn)
                return; // somebody went elsewhere meanwhile
            this.items = (this.bucket ? value.objects : value.buckets) || [];
            this.truncated = Boolean(value.truncated);
            this.table.set_empty(this.bucket ? 'Nothing here.' : 'No buckets yet: aws s3 mb s3://NAME makes one.');
            this.table.set(this.items);
        } catch (error) {
            if (turn !== this.turn)
                return;
            if (error.status === 404 && this.bucket)
                return this.go('', '');
            if (!this.items.length)
                this.table.set_empty(`Objects cannot be listed now: ${error.message}.`);
        }
        $('objects-more').disabled = !this.truncated;
        $('objects-back').disabled = this.after.length === 0;
        $('objects-pages').hidden = !this.truncated && this.after.length === 0;
        return undefined;
    }

    go(bucket, prefix) {
        this.bucket = bucket;
        this.prefix = prefix;
        this.after = [];
        this.items = [];
        this.table.cursor = null;
        this.table.set_empty('Listing…');
        this.table.set([]);
        this.table.scroll.scrollTop = 0;
        this.crumbs();
        this.close();
        return this.load();
    }

    page(step) {
        if (step < 0)
            this.after.pop();
        else if (this.items.length)
            this.after.push(this.items.at(-1).name);
        this.table.scroll.scrollTop = 0;
        this.load();
    }

    crumbs() {
        const parts = this.prefix.split(DELIMITER).slice(0, -1);
        const link = (text, bucket, prefix) => element('button', { class: 'crumb', type: 'button', text, onclick: () => this.go(bucket, prefix) });
        const list = [link('buckets', '', '')];
        if (this.bucket)
            list.push(link(this.bucket, this.bucket, ''));
        parts.forEach((part, i) => list.push(link(part || '(empty)', this.bucket, parts.slice(0, i + 1).join(DELIMITER) + DELIMITER)));
        $('objects-path').replaceChildren(...list);
    }

    open(o) {
        if (!this.bucket)
            this.go(o.name, '');
        else if (o.prefix)
            this.go(this.bucket, o.name);
        else
            this.show(o);
    }

    close() {
        $('object-detail').hidden = true;
    }

    async show(o) {
        const place = $('object-detail');
        const bucket = this.bucket;
        let lines;
        try {
            const { value } = await get('object', { bucket, key: o.name });
            const nodes = [...new Set(value.holders.flatMap((h) => h.nodes))];
            lines = [
                `s3://${bucket}/${o.name}`,
                `${bytes_text(value.size)}, ETag ${value.etag}`,
                nodes.length ? `held by ${nodes.join(', ')}; survives the loss of ${value.survives}` : 'held by no node that this gateway knows',
                value.why || '',
            ];
        } catch (error) {
            lines = [`s3://${bucket}/${o.name}`, error.message];
        }
        if (bucket !== this.bucket)
            return;
        const close = element('button', { class: 'close', type: 'button', 'aria-label': 'Close', text: '×', onclick: () => this.close() });
        place.replaceChildren(close, ...lines.filter(Boolean).map((text, i) => element('p', { class: i ? '' : 'strong', text })));
        place.hidden = false;
    }
}
