<?php

declare(strict_types=1);

namespace Fantail;

/**
 * The cookies with which a browser proves to a ws(s)on listener who it is.
 *
 * $cookies = Cookies::make($secret, user: '42');
 * $cookies->send();
 * $control->send($cookies->token, 'welcome');
 */
final class Cookies
{
    /** The digest that the documentation recommends: wson.digest = "hmac-sha256". */
    public const HMAC_SHA256 = 'hmac-sha256';
    /** The digest of ws(s)on, which is the server's default: wson.digest = "md5". */
    public const MD5 = 'md5';

    private function __construct(
        /** What the browser is addressed by: whoever knows it can send to the browser. */
        public readonly string $token,
        public readonly string $time,
        public readonly string $digest,
        public readonly ?string $user,
    ) {
    }

    /**
     * Makes the cookies for one login.
     *
     * @param string  $secret wson.secret of the server
     * @param ?string $user   whose browser it is, for the limit of connections per user
     * @param string  $kind   HMAC_SHA256 or MD5, as wson.digest of the server
     * @param ?string $token  32 characters that nobody can guess; by default they are made
     * @param ?int    $time   since when they are good, in seconds since 1970; by default now
     */
    public static function make(
        #[\SensitiveParameter] string $secret,
        ?string $user = null,
        string $kind = self::HMAC_SHA256,
        ?string $token = null,
        ?int $time = null,
    ): self {
        $token ??= bin2hex(random_bytes(16));
        $time = (string) ($time ?? time());
        if ($secret === '') {
            throw new \InvalidArgumentException('The secret is empty.');
        }
        if (strlen($token) !== 32 || !self::isCookieValue($token)) {
            throw new \InvalidArgumentException('A token is 32 visible ASCII characters.');
        }
        if ($user !== null && !self::isCookieValue($user)) {
            throw new \InvalidArgumentException('A user is visible ASCII characters, as 42.');
        }
        $digest = match ($kind) {
            self::MD5 => md5($secret . $user . $token . $time),
            self::HMAC_SHA256 => hash_hmac('sha256', self::signed($user, $token, $time), $secret),
            default => throw new \InvalidArgumentException("There is no digest named $kind."),
        };
        return new self($token, $time, $digest, $user);
    }

    /** @return array<string, string> names and values */
    public function values(): array
    {
        $values = ['token' => $this->token, 'time' => $this->time, 'digest' => $this->digest];
        return $this->user === null ? $values : $values + ['user' => $this->user];
    }

    /**
     * Gives them to the browser.
     *
     * @param string $domain empty: the host of the page; example.com: all hosts below it too
     * @param bool   $secure only over HTTPS
     */
    public function send(string $domain = '', bool $secure = false): void
    {
        foreach ($this->values() as $name => $value) {
            setrawcookie($name, $value, [
                'path' => '/',
                'domain' => $domain,
                'secure' => $secure,
                'httponly' => true,
                'samesite' => 'Strict',
            ]);
        }
    }

    /** Takes them from the browser. */
    public static function forget(string $domain = ''): void
    {
        foreach (['token', 'time', 'digest', 'user'] as $name) {
            $past = ['expires' => 1, 'path' => '/', 'domain' => $domain];
            setrawcookie($name, '', $past);
        }
    }

    /** Each field with its length, so that there is one way only to take it apart. */
    private static function signed(?string $user, string $token, string $time): string
    {
        $field = static fn (string $value): string => strlen($value) . ":$value,";
        $signed = $user === null ? '-' : 'u' . $field($user);
        return $signed . $field($token) . $field($time);
    }

    /** RFC 6265 section 4.1.1. */
    private static function isCookieValue(string $value): bool
    {
        return preg_match('/\A[!#-+\--:<-\[\]-~]+\z/', $value) === 1;
    }
}
