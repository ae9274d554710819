"""ristretto255 (RFC 9496) in plain numbers: slow, not constant-time, for tests only."""

P = 2**255 - 19
Q = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
SQRT_M1 = pow(2, (P - 1) // 4, P)


def is_negative(x):
    return x % P & 1


def absolute(x):
    return P - x % P if is_negative(x) else x % P


def sqrt_ratio(u, v):
    """(was it a square, the nonnegative root of u/v or of SQRT_M1 * u/v)."""
    r = u * pow(v, 3, P) * pow(u * pow(v, 7, P), (P - 5) // 8, P) % P
    check = v * r * r % P
    correct, flipped, flipped_i = check == u % P, check == -u % P, check == -u * SQRT_M1 % P
    if flipped or flipped_i:
        r = r * SQRT_M1 % P
    return correct or flipped, absolute(r)


INVSQRT_A_MINUS_D = sqrt_ratio(1, -1 - D)[1]
SQRT_AD_MINUS_ONE = sqrt_ratio(-D - 1, 1)[1]
SQRT_AD_MINUS_ONE = P - SQRT_AD_MINUS_ONE if not SQRT_AD_MINUS_ONE & 1 else SQRT_AD_MINUS_ONE
NEUTRAL = (0, 1, 1, 0)  # X, Y, Z, T


def add(a, b):
    x, y = (a[1] - a[0]) * (b[1] - b[0]), (a[1] + a[0]) * (b[1] + b[0])
    c, d = 2 * D * a[3] * b[3], 2 * a[2] * b[2]
    e, f, g, h = (y - x) % P, (d - c) % P, (d + c) % P, (y + x) % P
    return e * f % P, g * h % P, f * g % P, e * h % P


def multiply(n, point):
    out = NEUTRAL
    for bit in bin(n % Q)[2:]:
        out = add(out, out)
        if bit == "1":
            out = add(out, point)
    return out


def decode(raw):
    """The point, or None: no valid encoding."""
    s = int.from_bytes(raw, "little")
    if len(raw) != 32 or s >= P or is_negative(s):
        return None
    u1, u2 = (1 - s * s) % P, (1 + s * s) % P
    v = (-D * u1 * u1 - u2 * u2) % P
    square, inv = sqrt_ratio(1, v * u2 * u2)
    den_x = inv * u2 % P
    x, y = absolute(2 * s * den_x), u1 * inv * den_x * v % P
    if not square or is_negative(x * y) or y == 0:
        return None
    return x, y, 1, x * y % P


def encode(point):
    x0, y0, z0, t0 = point
    u1, u2 = (z0 + y0) * (z0 - y0) % P, x0 * y0 % P
    inv = sqrt_ratio(1, u1 * u2 * u2)[1]
    den1, den2 = inv * u1 % P, inv * u2 % P
    z_inv = den1 * den2 * t0 % P
    x, y, den = x0, y0, den2
    if is_negative(t0 * z_inv):
        x, y, den = y0 * SQRT_M1 % P, x0 * SQRT_M1 % P, den1 * INVSQRT_A_MINUS_D % P
    if is_negative(x * z_inv):
        y = -y % P
    return absolute(den * (z0 - y)).to_bytes(32, "little")


def _map(raw):
    t = int.from_bytes(raw, "little") % 2**255
    r = SQRT_M1 * t * t % P
    u, v = (r + 1) * (1 - D * D) % P, (-1 - r * D) * (r + D) % P
    square, s = sqrt_ratio(u, v)
    c = -1
    if not square:
        s, c = -absolute(s * t) % P, r
    n = (c * (r - 1) * (D - 1) ** 2 - v) % P
    w = (2 * s * v % P, n * SQRT_AD_MINUS_ONE % P, (1 - s * s) % P, (1 + s * s) % P)
    return w[0] * w[3] % P, w[2] * w[1] % P, w[1] * w[3] % P, w[0] * w[2] % P


def from_uniform(raw):
    """64 even bytes to a point."""
    return add(_map(raw[:32]), _map(raw[32:]))
