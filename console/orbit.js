// orbit.js - where things are between two updates. Pure: no DOM, no three.js; the tests run it in Node.
//
// Story:  the gateway sends position and velocity (TEME, km, km/s) once a second of real time; at speed 600 that is ten
//         minutes of flight. In between each satellite moves on its osculating ellipse, and the Earth turns.
// Units:  seconds, kilometres, radians; unix_ms is UTC milliseconds since 1970.

export const EARTH_RADIUS_KM = 6378.137;
export const EARTH_FLATTENING = 1 / 298.257223563;
const EARTH_MU = 398600.8; // km^3/s^2, WGS72: the constant of SGP4, whose states these are
const EARTH_RATE = 7.292115146706979e-5; // rad/s
const TURN = 2 * Math.PI;

const dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
const cross = (a, b) => [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
const length = (a) => Math.hypot(a[0], a[1], a[2]);
const scale = (a, k) => [a[0] * k, a[1] * k, a[2] * k];

// The ellipse through r and v (Vallado 2013, algorithm 9), kept as two vectors, so that a position costs one Kepler
// solution. null when the state is no closed orbit.
export function ellipse(r, v) {
    const distance = length(r);
    const speed2 = dot(v, v);
    const energy = speed2 / 2 - EARTH_MU / distance;
    const h = cross(r, v);
    if (!(energy < 0) || !(length(h) > 0))
        return null;
    const a = -EARTH_MU / (2 * energy);
    const ve = cross(v, h);
    const evec = [0, 1, 2].map((i) => ve[i] / EARTH_MU - r[i] / distance);
    const e = length(evec);
    // A circle has no perigee: take the present position for it.
    const p = e > 1e-7 ? scale(evec, 1 / e) : scale(r, 1 / distance);
    const q = cross(scale(h, 1 / length(h)), p);
    const b = a * Math.sqrt(Math.max(0, 1 - e * e));
    const anomaly = Math.atan2(dot(r, q) / b, dot(r, p) / a + e);
    return {
        e,
        a,
        major: scale(p, a),
        minor: scale(q, b),
        mean: anomaly - e * Math.sin(anomaly),
        rate: Math.sqrt(EARTH_MU / (a * a * a)),
    };
}

export function ellipse_point(o, anomaly, out, at = 0) {
    const x = Math.cos(anomaly) - o.e;
    const y = Math.sin(anomaly);
    out[at] = o.major[0] * x + o.minor[0] * y;
    out[at + 1] = o.major[1] * x + o.minor[1] * y;
    out[at + 2] = o.major[2] * x + o.minor[2] * y;
}

// Position `seconds` after the state. Three Newton steps are exact to metres below e = 0.3.
export function ellipse_position(o, seconds, out, at = 0) {
    const mean = (o.mean + o.rate * seconds) % TURN;
    let anomaly = mean + o.e * Math.sin(mean);
    if (o.e > 1e-4)
        for (let i = 0; i < (o.e > 0.3 ? 12 : 3); i++)
            anomaly -= (anomaly - o.e * Math.sin(anomaly) - mean) / (1 - o.e * Math.cos(anomaly));
    ellipse_point(o, anomaly, out, at);
}

export function turn_angle(gmst, seconds) {
    return (gmst + EARTH_RATE * seconds) % TURN;
}

export function rotate_z(v, angle) {
    const c = Math.cos(angle);
    const s = Math.sin(angle);
    return [c * v[0] - s * v[1], s * v[0] + c * v[1], v[2]];
}

// Direction of the Sun, to about 0.01 degree (Astronomical Almanac, low precision), when the gateway does not say.
export function sun_direction(unix_ms) {
    const days = unix_ms / 86400000 - 10957.5;
    const rad = Math.PI / 180;
    const g = (357.528 + 0.9856003 * days) * rad;
    const longitude = (280.46 + 0.9856474 * days + 1.915 * Math.sin(g) + 0.02 * Math.sin(2 * g)) * rad;
    const tilt = (23.439 - 4e-7 * days) * rad;
    return [Math.cos(longitude), Math.cos(tilt) * Math.sin(longitude), Math.sin(tilt) * Math.sin(longitude)];
}

export function latitude_longitude(r_fixed) {
    const [x, y, z] = r_fixed;
    const flat = Math.hypot(x, y);
    const e2 = EARTH_FLATTENING * (2 - EARTH_FLATTENING);
    let latitude = Math.atan2(z, flat * (1 - e2));
    let altitude = 0;
    for (let i = 0; i < 4; i++) {
        const n = EARTH_RADIUS_KM / Math.sqrt(1 - e2 * Math.sin(latitude) ** 2);
        altitude = Math.hypot(flat, z + e2 * n * Math.sin(latitude)) - n;
        latitude = Math.atan2(z + e2 * n * Math.sin(latitude), flat);
    }
    return { latitude_deg: (latitude * 180) / Math.PI, longitude_deg: (Math.atan2(y, x) * 180) / Math.PI, altitude_km: altitude };
}

// A cable on the ground: the great circle from a to b (any lengths), slightly lifted, as points of unit length.
export function great_circle(a, b, steps, lift) {
    const u = scale(a, 1 / length(a));
    const w = scale(b, 1 / length(b));
    const angle = Math.acos(Math.min(1, Math.max(-1, dot(u, w))));
    const points = [];
    for (let i = 0; i <= steps; i++) {
        const t = i / steps;
        const ku = angle > 1e-6 ? Math.sin((1 - t) * angle) / Math.sin(angle) : 1 - t;
        const kw = angle > 1e-6 ? Math.sin(t * angle) / Math.sin(angle) : t;
        const p = [0, 1, 2].map((k) => ku * u[k] + kw * w[k]);
        points.push(scale(p, (1 + lift) / (length(p) || 1)));
    }
    return points;
}

// The circle on the ground from which a satellite at r stands above the horizon; null on the ground.
export function horizon_circle(r, steps, lift) {
    const distance = length(r);
    if (distance <= EARTH_RADIUS_KM * 1.001)
        return null;
    const up = scale(r, 1 / distance);
    const side = Math.abs(up[2]) < 0.9 ? cross(up, [0, 0, 1]) : cross(up, [1, 0, 0]);
    const x = scale(side, 1 / length(side));
    const y = cross(up, x);
    const cosine = EARTH_RADIUS_KM / distance;
    const sine = Math.sqrt(1 - cosine * cosine);
    return Array.from({ length: steps + 1 }, (_, i) => {
        const angle = (i / steps) * TURN;
        return [0, 1, 2].map((k) => (1 + lift) * (cosine * up[k] + sine * (Math.cos(angle) * x[k] + Math.sin(angle) * y[k])));
    });
}
