<?php

declare(strict_types=1);

namespace Fantail;

/** @internal */
final class Json
{
    /** @return array<string, mixed> the members of an object */
    public static function members(string $json): array
    {
        try {
            $members = json_decode($json, true, 64, JSON_THROW_ON_ERROR | JSON_BIGINT_AS_STRING);
        } catch (\JsonException $exception) {
            throw new ControlException('The server gave no JSON.', 0, $exception);
        }
        if (!is_array($members)) {
            throw new ControlException('The server gave no JSON object.');
        }
        return $members;
    }
}
