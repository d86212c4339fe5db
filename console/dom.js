// dom.js - small helpers. Text enters the page as text only (textContent), never as markup.

export const $ = (id) => document.getElementById(id);

export function element(tag, properties = {}, ...children) {
    const e = document.createElement(tag);
    for (const [key, value] of Object.entries(properties)) {
        if (value === undefined || value === null || value === false)
            continue;
        if (key === 'class')
            e.className = value;
        else if (key === 'text')
            e.textContent = value;
        else if (key.startsWith('on'))
            e.addEventListener(key.slice(2), value);
        else
            e.setAttribute(key, value === true ? '' : value);
    }
    e.append(...children.filter((c) => c !== null && c !== undefined));
    return e;
}

export function set_text(e, text) {
    const value = text === undefined || text === null ? '' : String(text);
    if (e.textContent !== value)
        e.textContent = value;
}

export function set_class(e, value) {
    if (e.className !== value)
        e.className = value;
}

export function bytes_text(n) {
    if (!Number.isFinite(n))
        return '';
    const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
    let i = 0;
    while (n >= 1024 && i < units.length - 1) {
        n /= 1024;
        i++;
    }
    return `${i && n < 100 ? n.toFixed(1) : Math.round(n)} ${units[i]}`;
}

export const count_text = (n) => (Number.isFinite(n) ? n.toLocaleString('en-GB') : '');

// ISO text of the gateway ("2026-11-21T06:00:00.000Z") without date when it is the same day as `like`.
export function time_text(iso, like = '') {
    if (typeof iso !== 'string')
        return '';
    const [day, clock = ''] = iso.replace('Z', '').split('T');
    return like.startsWith(day) ? clock.slice(0, 8) : `${day.slice(5)} ${clock.slice(0, 8)}`;
}

// A bar of 0..1 with a colour class; changes its width only when it moved.
export function bar() {
    const fill = element('span', { class: 'bar-fill' });
    const e = element('span', { class: 'bar' }, fill);
    let shown = -1;
    e.set = (part, kind) => {
        const percent = Math.round(Math.min(1, Math.max(0, part)) * 100);
        if (percent !== shown)
            fill.style.width = `${percent}%`;
        shown = percent;
        set_class(fill, `bar-fill ${kind}`);
    };
    return e;
}
