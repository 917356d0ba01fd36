<?php

declare(strict_types=1);

namespace Fantail\Dsock;

/** @internal */
final class Names
{
    /** A name that is not empty. */
    public static function checked(string $what, string $name): string
    {
        if ($name === '') {
            throw new \InvalidArgumentException("The $what must not be empty.");
        }
        return $name;
    }

    /**
     * Channels as a parameter has them.
     *
     * @param list<string> $channels
     */
    public static function channels(array $channels): string
    {
        foreach ($channels as $channel) {
            if (str_contains(self::checked('channel', $channel), ',')) {
                throw new \InvalidArgumentException("The name of a channel has no comma in it: $channel");
            }
        }
        return implode(',', $channels);
    }

    /**
     * Channels as a segment of a path.
     *
     * @param list<string> $channels
     */
    public static function segment(array $channels): string
    {
        $list = self::checked('channel', self::channels($channels));
        if (str_contains($list, '/')) {
            throw new \InvalidArgumentException(
                "Channels with a slash in their name cannot be changed: $list",
            );
        }
        // A proxy would take a segment of dots as a directory; empty names do not count.
        return rawurlencode(in_array($list, ['.', '..'], true) ? ",$list" : $list);
    }
}
