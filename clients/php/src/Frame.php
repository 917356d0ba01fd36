<?php

declare(strict_types=1);

namespace Fantail;

/**
 * A frame of the control port: the length of the payload in bytes, a letter, the payload.
 *
 * @internal
 */
final class Frame
{
    /** The longest payload in bytes: seven digits. */
    public const LONGEST = 9_999_999;

    public function __construct(
        public readonly string $letter,
        public readonly string $payload,
    ) {
    }

    /** The bytes of a frame. */
    public static function encode(string $letter, string $payload): string
    {
        $length = strlen($payload);
        if ($length > self::LONGEST) {
            throw new \InvalidArgumentException("A frame of $length bytes is too long.");
        }
        return $length . $letter . $payload;
    }

    /** Takes the first frame off $bytes, if all of it is there. */
    public static function take(string &$bytes): ?self
    {
        if (!preg_match('/\A(0|[1-9][0-9]{0,6})([A-Za-z])/', $bytes, $header)) {
            if (preg_match('/\A(0|[1-9][0-9]{0,6})?\z/', $bytes)) {
                return null;
            }
            throw new ConnectionException('What answers is no control port.');
        }
        $start = strlen($header[0]);
        $length = (int) $header[1];
        if (strlen($bytes) < $start + $length) {
            return null;
        }
        $frame = new self($header[2], substr($bytes, $start, $length));
        $bytes = substr($bytes, $start + $length);
        return $frame;
    }
}
